"""How long `crossfade --help` takes, against an empty Python process."""

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.harness import Bar, Options, Result, in_turn, median_and_spread
from crossfade.schema.errors import NotFoundError

MOST_SECONDS: Final = 0.4


def run(options: Options) -> Result:
    """Start both commands in turn; the command line must import nothing heavy.

    Raises:
        NotFoundError: The `crossfade` script is not beside this Python.
    """
    script = Path(sys.executable).with_name("crossfade")
    if not script.exists():
        raise NotFoundError(f"{script} does not exist; install this checkout first: make install.")
    commands = {"help": [str(script), "--help"], "python": [sys.executable, "-c", "pass"]}
    sides = {name: partial(_succeed, command) for name, command in commands.items()}
    seconds = in_turn(sides, repeats=5 if options.quick else 21)
    figures: dict[str, float | int | str | bool] = {"quick": options.quick}
    for name, taken in seconds.items():
        median, spread = median_and_spread(taken)
        figures |= {f"{name}_seconds": round(median, 4), f"{name}_spread_seconds": round(spread, 4)}
    slowest = Bar(float(figures["help_seconds"]), at_most=MOST_SECONDS)
    notes = ["`crossfade --help` in turn with `python -c pass`; medians and quartile distances."]
    return Result(figures, {"help_seconds": slowest}, notes)


def _succeed(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
