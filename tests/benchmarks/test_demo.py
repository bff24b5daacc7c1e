"""The demo benchmark runs the command beside this Python, and shows its output when it fails."""

import sys
from pathlib import Path

import pytest

from benchmarks import demo
from benchmarks.harness import Options
from crossfade.schema.errors import CrossfadeError


def _script(directory: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    script = directory / "crossfade"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(directory / "python"))


def test_time_and_memory_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _script(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/arguments; sleep 0.3')
    found = demo.run(Options(quick=True))
    assert found.figures["quick"] is True
    assert float(found.figures["seconds"]) + 0.05 >= 0.3
    assert found.bars["seconds"].at_most == 300
    assert found.bars["peak_gib"].at_most == 6
    assert found.bars["peak_gib"].value > 0
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[:2] == ["demo", "--directory"]
    assert arguments[3:] == list(demo.QUICK)


def test_a_demo_that_fails_shows_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _script(tmp_path, monkeypatch, "echo no room left; exit 3")
    with pytest.raises(CrossfadeError, match=r"demo --directory .* ended with 3: no room left"):
        demo.run(Options())
