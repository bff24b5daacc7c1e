"""What a run shows: plain lines into a file, marks on a terminal."""

import io

from rich.console import Console

from crossfade.cli.progress import reporting
from crossfade.cli.steps import Timing

DONE = Timing("train-ranker", "finished", 12.34, 20.0, 3 << 29)
FAILED = Timing("publish", "failed", 1.0, 1.0, 1 << 29)
REUSED = Timing("make-dataset", "reused")


def shown(console: Console) -> str:
    with reporting(console) as reporter:
        reporter.started("train-ranker")
        for timing in (REUSED, DONE, FAILED):
            reporter.ended(timing)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_file_gets_a_line_for_each_start_and_end() -> None:
    assert shown(Console(file=io.StringIO(), width=20)).splitlines() == [
        "train-ranker  started",
        "make-dataset  reused from an earlier run",
        "train-ranker  finished in 12.3 s, 1.5 GiB",
        "publish  failed in 1.0 s, 0.5 GiB",
    ]


def test_a_terminal_gets_a_spinner_and_marks() -> None:
    text = shown(Console(file=io.StringIO(), force_terminal=True, color_system=None, width=80))
    for line in (
        "✓ make-dataset  reused",
        "✓ train-ranker  finished in 12.3 s",
        "✗ publish  failed in 1.0 s",
    ):
        assert line in text
