"""What a lake says of itself, and what is said where it cannot be written."""

import json
from pathlib import Path

from crossfade.schema.errors import CrossfadeError, IntegrityError


def unwritten(path: Path, error: Exception) -> CrossfadeError:
    """Return what to raise where a table or the lake could not be written."""
    reason = " ".join(str(error).split())
    return CrossfadeError(
        f"{path} could not be written: {reason}. What stood there is unchanged; make room and run the same command again."
    )


def schema_version_of(about: Path) -> int:
    """Return what a lake's own file says of its schema.

    Raises:
        IntegrityError: It says nothing of it.
    """
    try:
        return int(json.loads(about.read_text("utf-8"))["schema_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{about} must say the lake's schema_version as a number, but it does not: {error!r}."
        ) from error
