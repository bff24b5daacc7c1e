"""`crossfade import` prints counts that add up, one line per problem, and ends with 2 where more was refused than allowed."""

import json
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.lake.lake import BRONZE, Lake

ROWS = "user_id,track_id,timestamp\nu,t,2020-01-01\nu,t,2020-01-01\nu,s,soon\nu,,2020-01-01\n"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    (tmp_path / "events.csv").write_text(ROWS, "utf-8")
    return tmp_path / "events.csv"


def test_counts_problems_and_what_is_missing_are_printed(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = tmp_path / "lake"
    assert main(["import", "events", str(events), "--lake", str(lake)]) == 2
    output = capsys.readouterr()
    assert "events: 4 rows in = 1 bronze + 2 quarantined + 1 duplicates" in output.out
    assert "events have no played_ms" in output.out
    assert f"{events}, row 3: timestamp cannot be read as a timestamp" in output.err
    assert "timestamp = soon (1 such rows)" in output.err
    assert f"{events}, row 4: track_id is missing" in output.err
    assert "2 of 4 rows were refused (50.00%, allowed are 0.00%); the others were imported" in output.err
    assert Lake.open(lake).num_rows(BRONZE, "events") == 1


def test_refused_rows_can_be_accepted(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "import",
        "events",
        str(events),
        "--lake",
        str(tmp_path / "lake"),
        "--max-quarantined",
        "0.5",
        "--json",
    ]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert (
        report["rows_in"],
        report["rows_bronze"],
        report["rows_quarantined"],
        report["rows_duplicate"],
    ) == (4, 1, 2, 1)
    assert report["first_problems"][0]["row"] == 3
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["rows_duplicate"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["spotify", "{events}"], "error: There is no source spotify; known are events"),
        (["events", "{events}.missing"], "error: There is no file or directory"),
        (["catalogue", "{events}", "--set", "lake.nothing=1"], "unknown key lake.nothing"),
        (["events", "{events}", "--max-quarantined", "2"], "2.0 is not in the range 0<=x<=1"),
        (["events"], "Missing argument 'PATHS...'"),
    ],
)
def test_a_mistake_is_one_line_and_makes_no_lake_rows(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    given = [argument.format(events=events) for argument in arguments]
    assert main(["import", *given, "--lake", str(tmp_path / "lake")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "lake" / BRONZE).exists()


def test_a_directory_that_is_no_lake_is_left_alone(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "events", str(events), "--lake", str(events.parent)]) == 2
    assert "is not a lake" in capsys.readouterr().err
    assert [file.name for file in events.parent.iterdir()] == ["events.csv"]
