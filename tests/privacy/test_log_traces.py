"""Lines end at line feeds alone: an id may hold characters that Unicode counts as ends of lines, too."""

import json
from pathlib import Path

import pytest

from crossfade.privacy.log_traces import erase_mentions, lines_of
from crossfade.privacy.receipt import Erased

STRANGE = [f"before{end}after" for end in ("\x0b", "\x1c", "\x85", "\u2028")]
KEPT = [{"user_id": name, "note": "somebody else"} for name in STRANGE]
GONE = [{"user_id": "ann", "note": note} for note in STRANGE]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "shown.jsonl"
    lines = [json.dumps(line, ensure_ascii=False) for line in (*KEPT, *GONE)]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def test_a_persons_lines_are_given_whole(log: Path) -> None:
    assert lines_of(log, ["ann"]) == GONE


def test_a_persons_lines_go_whole_and_others_stay_as_they_are(log: Path) -> None:
    told: list[Erased] = []
    erase_mentions(log, "shown", ["ann"], told.append)
    assert told == [Erased("shown", "lines", len(GONE))]
    assert [json.loads(line) for line in log.read_text("utf-8").split("\n") if line] == KEPT
