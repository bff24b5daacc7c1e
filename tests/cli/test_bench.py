"""`crossfade bench` lists, runs and judges benchmarks, and says what is missing."""

import json
import sys
import types
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.harness import Bar, Options, Result
from crossfade.cli import bench
from crossfade.cli.main import main
from crossfade.evaluation.trial import Mask


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """Plant a benchmark named `planted` whose bar holds only when quick; returns the options that it got."""
    asked: list[Options] = []

    def run(options: Options) -> Result:
        asked.append(options)
        return Result(
            {"seconds": 1.5}, {"seconds": Bar(1.5, at_most=2.0 if options.quick else 1.0)}, ["A against B."]
        )

    module = types.ModuleType("benchmarks.planted")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "benchmarks.planted", module)
    known = bench._benchmarks()
    monkeypatch.setattr(bench, "_benchmarks", lambda: known | {"planted": "Planted."})
    return asked


def test_help_lists_every_benchmark() -> None:
    shown = CliRunner().invoke(bench.bench_command, ["--help"])
    assert shown.exit_code == 0
    assert "How long `crossfade --help` takes" in shown.output
    assert "crossfade bench quality --directory demo-real --json" in shown.output
    assert "harness" not in shown.output.partition("Benchmarks")[2]


def test_figures_and_bars_for_people(planted: list[Options]) -> None:
    found = CliRunner().invoke(bench.bench_command, ["planted"])
    assert found.exit_code == 1
    assert found.output.splitlines() == [
        "A against B.",
        "",
        "seconds  1.5",
        "MISSED  seconds: 1.5 (at most 1.0)",
    ]


def test_one_object_as_json(planted: list[Options], tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = CliRunner().invoke(
        bench.bench_command, ["planted", "--quick", "--json", "--directory", str(tmp_path)]
    )
    assert found.exit_code == 0
    about = json.loads(found.output)
    assert (about["name"], about["figures"]) == ("planted", {"seconds": 1.5})
    assert about["bars"] == {"seconds": {"value": 1.5, "at_most": 2.0, "holds": True}}
    assert planted == [Options(quick=True, directory=tmp_path)]


def test_files_reach_only_benchmarks_that_read_them(
    planted: list[Options], capsys: pytest.CaptureFixture[str]
) -> None:
    asking = ["bench", "planted", "--quick"]
    for option, told in (
        ("--events", "--events, --train and --test"),
        ("--k", "--k"),
        ("--seeds", "--seeds"),
    ):
        assert main([*asking, option, "7"]) == 2
        assert f"Benchmark 'planted' does not read {told}." in capsys.readouterr().err
    sys.modules["benchmarks.planted"].READS = ("files", "ks", "num_seeds")  # type: ignore[attr-defined]
    given = [
        "--train",
        "a.csv",
        "--valid",
        "v.csv",
        "--test",
        "b.csv",
        "--k",
        "10",
        "--k",
        "20",
        "--seeds",
        "5",
    ]
    assert main([*asking, *given]) == 0
    (options,) = planted
    assert (options.ks, options.num_seeds) == ((10, 20), 5)
    assert options.files is not None
    assert set(options.files.parts) == {"train", "valid", "test"}
    assert options.files.mask is Mask.TRAIN_VALID


def test_a_directory_and_files_are_not_both(
    planted: list[Options], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "planted", "--directory", str(tmp_path), "--events", "e.csv"]) == 2
    assert "Name either --directory or files; not both." in capsys.readouterr().err


def test_an_unknown_name_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "nothing"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Benchmark 'nothing' does not exist; choose one of: ")
    assert "help" in error


def test_without_the_folder_it_says_where_to_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    assert main(["bench", "help"]) == 2
    assert "run this in a source checkout after: make install" in capsys.readouterr().err
    assert "benchmarks/ is not installed" in CliRunner().invoke(bench.bench_command, ["--help"]).output
