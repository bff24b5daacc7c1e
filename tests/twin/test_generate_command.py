"""`crossfade twin generate` writes what it says."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from crossfade.cli.main import main
from crossfade.cli.twin import twin_group
from crossfade.schema.tables import TABLES

SIZES = ["--users", "20", "--tracks", "60", "--days", "3", "--seed", "1"]


def test_it_prints_every_file_with_its_rows(tmp_path: Path) -> None:
    result = CliRunner().invoke(twin_group, ["generate", *SIZES, "-o", str(tmp_path)])
    assert result.exit_code == 0
    for name in TABLES:
        path = tmp_path / f"{name}.parquet"
        assert f"{pq.read_metadata(path).num_rows:,} rows  {path}" in result.output
    assert str(tmp_path / "truth") in result.output


def test_json_is_one_object(tmp_path: Path) -> None:
    arguments = ["generate", *SIZES, "--artists", "4", "--start", "2024-05-01", "-o", str(tmp_path), "--json"]
    printed = json.loads(CliRunner().invoke(twin_group, arguments).output)
    assert printed["rows"][str(tmp_path / "users.parquet")] == 20
    assert printed["rows"][str(tmp_path / "artists.parquet")] == 4
    assert printed["truth"] == str(tmp_path / "truth")
    assert printed["figures"] == {}


def test_describe_prints_figures_too(tmp_path: Path) -> None:
    result = CliRunner().invoke(twin_group, ["generate", *SIZES, "-o", str(tmp_path), "--describe"])
    lines = dict(line.split(" ", 1) for line in result.output.splitlines()[6:])
    assert 0 < float(lines["repeat_share"]) < 1
    assert len(lines["skip_share_by_affinity_quintile"].split()) == 5


def test_a_wrong_size_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["twin", "generate", "--users", "0", "-o", str(tmp_path / "twin")]) == 2
    assert capsys.readouterr().err == "error: A twin's num_users must be at least 1, got 0.\n"
    assert not (tmp_path / "twin").exists()
