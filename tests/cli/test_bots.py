"""`crossfade lake bots` shows who is marked, and takes decisions."""

import json
from pathlib import Path

import pytest

from crossfade.cli.main import main


@pytest.fixture
def lake(tmp_path: Path) -> str:
    plays = [f"bot,t{n},a,2026-01-01T00:{2 * n + n % 2:02}:00Z,31000" for n in range(10)]
    rows = "\n".join(
        ["user_id,track_id,artist_id,timestamp,played_ms", *plays, "fan,t1,a,2026-01-01T00:00:00Z,9"]
    )
    (tmp_path / "events.csv").write_text(rows, "utf-8")
    path = str(tmp_path / "lake")
    main(["import", "events", str(tmp_path / "events.csv"), "--lake", path])
    main(["lake", "refresh", "--lake", path])
    return path


def test_it_lists_evidence_and_takes_decisions(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["lake", "bots", "--lake", lake]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "bot  whole account"
    assert lines[1].startswith("  loop: 100% of a visit's plays end just over 30 s")
    assert main(["lake", "bots", "--lake", lake, "--allow", "bot"]) == 0
    assert capsys.readouterr().out == "allow: bot; counts from the next refresh on\n"
    main(["lake", "refresh", "--lake", lake])
    capsys.readouterr()
    main(["lake", "bots", "--lake", lake])
    assert capsys.readouterr().out.startswith("bot  allowed\n")
    main(["lake", "bots", "--lake", lake, "--json"])
    (found,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (found["user_id"], found["is_flagged"], found["is_whole"]) == ("bot", False, True)
    assert found["evidence"][0] == {"rule": "loop", "measure": 1.0, "listens": 10}


def test_a_mistake_is_one_line(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["lake", "bots", "--lake", lake, "--allow", "bot", "--deny", "bot"]) == 2
    assert "User 'bot' cannot go on both allow and deny" in capsys.readouterr().err
    assert main(["lake", "bots", "--lake", lake, "--deny", "nobody"]) == 2
    assert "has no event of user 'nobody'" in capsys.readouterr().err
