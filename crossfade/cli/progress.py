"""What a run shows while it works: a spinner for each running step on a terminal, plain lines elsewhere."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from crossfade.cli.steps import Timing

GIB = 1 << 30


class Reporter(Protocol):
    """Told of the steps of a run."""

    def started(self, step: str) -> None:
        """Show that a step runs."""

    def ended(self, timing: Timing) -> None:
        """Show what a step took."""


def line(timing: Timing) -> str:
    """Return one line on a step that ended, for example `train-ranker  finished in 12.3 s, 1.2 GiB`."""
    if timing.status == "reused":
        return f"{timing.step}  reused from an earlier run"
    return f"{timing.step}  {timing.status} in {timing.seconds:.1f} s, {timing.peak_rss_bytes / GIB:.1f} GiB"


class PlainReporter:
    """One line at the start and one at the end of every step."""

    def __init__(self, console: Console) -> None:
        """Report on a console."""
        self._console = console

    def started(self, step: str) -> None:
        """Print that a step runs."""
        self._console.print(f"{step}  started", highlight=False, soft_wrap=True)

    def ended(self, timing: Timing) -> None:
        """Print what a step took."""
        self._console.print(line(timing), highlight=False, soft_wrap=True)


class TerminalReporter:
    """A spinner with the elapsed time for every step that runs, a line above for each that ended."""

    def __init__(self, progress: Progress) -> None:
        """Report through a progress display that is on."""
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def started(self, step: str) -> None:
        """Show a spinner."""
        self._tasks[step] = self._progress.add_task(step, total=None)

    def ended(self, timing: Timing) -> None:
        """Replace the spinner by a line."""
        if timing.step in self._tasks:
            self._progress.remove_task(self._tasks.pop(timing.step))
        mark = "[red]✗[/red]" if timing.status == "failed" else "[green]✓[/green]"
        self._progress.console.print(f"{mark} {line(timing)}", highlight=False, soft_wrap=True)


@contextlib.contextmanager
def reporting(console: Console) -> Iterator[Reporter]:
    """Report on a console in the way that fits it."""
    if not console.is_terminal:
        yield PlainReporter(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    # KFP's own output is redirected to a file while the spinner turns; rich must not put itself in between.
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as progress:
        yield TerminalReporter(progress)
