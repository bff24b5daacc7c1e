"""Runs of pipelines on this machine: one at a time on a workspace, each with a folder of its own."""

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from types import FrameType
from typing import Any, Final

import yaml

from crossfade.cli.compile import parameters
from crossfade.cli.kfp_runner import run_pipeline
from crossfade.cli.progress import Reporter
from crossfade.cli.run_lock import held_lock
from crossfade.cli.steps import Steps, Timing

KEPT_RUNS: Final = 3  # newest runs of a pipeline whose artifacts stay for reuse; logs and timings always stay
STOPPING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Run:
    """A finished run: its id, its folder (logs, `timings.json`) and what each step took."""

    run_id: str
    directory: Path
    timings: list[Timing]


def run_locally(text: str, arguments: Mapping[str, Any], runs: Path, reporter: Reporter) -> Run:
    """Run a compiled pipeline; steps that earlier runs finished with equal code and arguments are reused.

    Args:
        text: The pipeline as YAML.
        arguments: Values of its parameters; a parameter called `run` is given the run's id.
        runs: Folder of all runs of a workspace; what this one leaves is in `<runs>/<run id>`.
        reporter: Told of every step.

    Raises:
        CrossfadeError: A step failed (InputError where it ended with one), or KFP could not read a condition.
        InputError: Another run is working on the same workspace.
    """
    pipeline = yaml.safe_load(text)["pipelineInfo"]["name"]
    run_id = f"{pipeline}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"[:-3]
    if "run" in parameters(text):
        arguments = {**arguments, "run": run_id}
    with held_lock(runs / "lock", run_id) as lock:
        _remove_leftovers(runs, pipeline)
        directory = runs / run_id
        directory.mkdir()
        steps = Steps(directory, lock, reporter.started, reporter.ended)
        log_path = directory / "pipeline.log"
        with (
            _temporary_folder(directory / "tmp"),
            _stopping(steps),
            log_path.open("w", encoding="utf-8") as log,
        ):
            run_pipeline(text, arguments, steps, log)
    return Run(run_id, directory, steps.timings)


def _remove_leftovers(runs: Path, pipeline: str) -> None:
    """Make room for a run: remove artifacts of all but the newest ones, and temporary folders of killed ones.

    KFP does not reuse a result whose artifact is gone. A folder is renamed before it is removed: a half
    removed one must not be reused.
    """
    earlier = sorted(runs.glob(f"{pipeline}-*/artifacts"))
    doomed = [*earlier[: max(0, len(earlier) - KEPT_RUNS + 1)], *runs.glob("*/tmp")]
    for folder in doomed:
        folder.rename(folder.with_name(f"removed-{folder.name}"))
    for folder in runs.glob("*/removed-*"):
        rmtree(folder)


@contextlib.contextmanager
def _temporary_folder(folder: Path) -> Iterator[None]:
    """Keep temporary files in a folder that goes away with the run; KFP leaves one behind for every task."""
    before = os.environ.get("TMPDIR")
    folder.mkdir()
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        rmtree(folder, ignore_errors=True)
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


@contextlib.contextmanager
def _stopping(steps: Steps) -> Iterator[None]:
    """End the steps when this process is told to stop; a terminal's Ctrl-C does not reach their groups."""
    asked = 0

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        steps.stop(signal.SIGTERM if asked == 1 else signal.SIGKILL)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in STOPPING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
