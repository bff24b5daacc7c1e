"""Time and memory of `crossfade demo`, the whole loop, in a directory of its own."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.harness import KIB, Bar, Options, Result, run_measured
from crossfade.schema.errors import CrossfadeError

QUICK: Final = ("--users", "500", "--tracks", "2000", "--days", "42", "--set", "two_tower.epochs=2")
MOST_SECONDS: Final = 300
MOST_GIB: Final = 6


def run(options: Options) -> Result:
    """Run the demo once as `make demo` does, downloads left out.

    Raises:
        CrossfadeError: The demo failed; shows the end of its output.
    """
    with TemporaryDirectory() as folder:
        script = str(Path(sys.executable).with_name("crossfade"))
        command = [script, "demo", "--directory", f"{folder}/demo", *(QUICK if options.quick else ())]
        found = run_measured(command)
    if found.exit_code:
        raise CrossfadeError(f"{' '.join(command)} ended with {found.exit_code}: {found.output[-2000:]}")
    figures: dict[str, float | int | str | bool] = {
        "quick": options.quick,
        "seconds": round(found.seconds, 1),
        "peak_gib": round(found.peak_bytes / KIB**3, 2),
    }
    bars = {
        "seconds": Bar(found.seconds, at_most=MOST_SECONDS),
        "peak_gib": Bar(found.peak_bytes / KIB**3, at_most=MOST_GIB),
    }
    return Result(figures, bars, ["One run; memory is that of all its processes together."])
