"""`crossfade demo` keeps demos apart; that it runs the whole loop is shown by test_end_to_end."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossfade.cli.main import main
from crossfade.lake.lake import Lake


def demo(directory: Path, *more: str) -> int:
    return main(["demo", "--directory", str(directory), *more])


def test_data_needs_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "exports").mkdir()
    assert demo(tmp_path / "demo", "--data", str(tmp_path / "exports")) == 2
    assert (
        f"{tmp_path / 'exports'} has no events.parquet; a demo needs at least that" in capsys.readouterr().err
    )


def test_two_demos_are_not_mixed_in_one_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert demo(tmp_path / "demo", "--data", str(tmp_path / "one")) == 2
    capsys.readouterr()
    assert demo(tmp_path / "demo", "--data", str(tmp_path / "two")) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path / 'demo'} holds a demo of {{'data': '{tmp_path / 'one'}'}}, not of" in error
    assert demo(tmp_path / "demo", "--users", "9") == 2
    assert "not of {'users': 9, 'tracks': " in capsys.readouterr().err


def test_a_directory_of_something_else_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert demo(tmp_path) == 2
    assert f"{tmp_path} is not empty and holds no demo; name another --directory." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_own_data_is_imported_and_too_little_of_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "exports").mkdir()
    events = pa.table({"user_id": ["u"], "track_id": ["t"], "timestamp": ["2025-01-01T00:00:00Z"]})
    pq.write_table(events, tmp_path / "exports" / "events.parquet")
    assert demo(tmp_path / "demo", "--data", str(tmp_path / "exports")) != 0
    shown = capsys.readouterr().err
    assert "imported events: 1 rows in = 1 bronze + 0 quarantined + 0 duplicates" in shown
    assert "\nerror: step " in shown
    assert Lake.open(tmp_path / "demo" / "lake").has("bronze", "events")
