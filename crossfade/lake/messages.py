"""What a lake says of itself, and what is said where it cannot be written."""

import json
from pathlib import Path

from crossfade.schema.errors import CrossfadeError, IntegrityError
from crossfade.schema.tables import SCHEMA_VERSION


def unwritten(path: Path, error: Exception) -> CrossfadeError:
    """Return what to raise where a table or the lake could not be written."""
    reason = " ".join(str(error).split())
    return CrossfadeError(
        f"{path} could not be written: {reason}. What stood there is unchanged; make room and run the same command again."
    )


def refuse_newer(about: Path) -> None:
    """Refuse a lake of a schema that this release does not know yet.

    Args:
        about: The lake's own file.

    Raises:
        IntegrityError: It is of a newer schema version, or says nothing of it.
    """
    try:
        version = int(json.loads(about.read_text("utf-8"))["schema_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{about} must say the lake's schema_version as a number, but it does not: {error!r}."
        ) from error
    if version > SCHEMA_VERSION:
        raise IntegrityError(
            f"The lake at {about.parent} has schema version {version}, but this Crossfade knows versions up to "
            f"{SCHEMA_VERSION}; use a newer Crossfade. Nothing was changed."
        )
