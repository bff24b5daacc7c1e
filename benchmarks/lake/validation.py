"""Validates a lake and prints how long that took, as a process of its own: python -m benchmarks.lake.validation LAKE."""

import sys
import time
from pathlib import Path

from crossfade.lake.lake import Lake
from crossfade.quality.expectations import judge
from crossfade.quality.report import require_valid
from crossfade.quality.validate import validate
from crossfade.schema.settings import default_settings


def seconds(lake: Lake) -> float:
    """Return the seconds of one validation; what it imports takes as long for ten rows and is not counted."""
    judge("warm", [], {})
    started = time.perf_counter()
    require_valid(validate(lake, default_settings()))
    return time.perf_counter() - started


if __name__ == "__main__":
    print(seconds(Lake.open(Path(sys.argv[1]))))
