"""Evaluations and decisions as JSON: NaN is null, files are whole or not there."""

import json
import math
from pathlib import Path
from typing import Any

from crossfade.evaluation.bootstrap import Interval
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import IntegrityError


def as_json(interval: Interval) -> list[float | None]:
    """Return mean, low and high with None for NaN, which JSON cannot hold."""
    return [None if math.isnan(value) else value for value in interval]


def from_json(values: list[float | None]) -> Interval:
    """Read what `as_json` returned."""
    mean, low, high = (math.nan if value is None else value for value in values)
    return Interval(mean, low, high)


def write_json(about: object, path: Path) -> None:
    """Write a readable JSON file, NaN refused, whole or not at all."""
    replace_file(path, (json.dumps(about, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        IntegrityError: It is missing or not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path} is not a whole JSON file ({error}); run its step again.") from error
