"""`crossfade evaluate` judges the champion by a bundle that has not seen the test, and prints one table."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from crossfade.cli.evaluate import evaluate_command
from crossfade.cli.main import main
from crossfade.evaluation import stages
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.lake import GOLD, Lake
from crossfade.lake.layout import CATALOGUE, GOLD_SCHEMAS, INTERACTIONS, USER_PROFILES
from crossfade.recommender.manifest import read_manifest
from crossfade.recommender.workspace import Workspace
from crossfade.schema.columns import RETRIEVAL_SOURCES
from crossfade.schema.settings import parse_settings
from tests.cli.small import SET
from tests.evaluation.planted import Planted, planted_bundle

FIRST = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPLIT = ["split.test_days=2", "split.validation_days=2"]
OPTIONS = [option for assignment in SPLIT for option in ("--set", assignment)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Ten users who play t0 to t7, a track a day, and at last t8 and t9."""
    made = Lake.create(tmp_path / "lake")
    rows = [
        {
            "user_id": f"u{user}",
            "track_id": f"t{day}",
            "timestamp": FIRST + timedelta(days=day, minutes=user),
            "strength": 1.0,
        }
        for user in range(10)
        for day in range(10)
    ]
    tracks = [{"track_id": f"t{day}", "artist_id": "a"} for day in range(12)]
    users = [{"user_id": f"u{user}"} for user in range(10)]
    for name, values in ((INTERACTIONS, rows), (CATALOGUE, tracks), (USER_PROFILES, users)):
        schema = GOLD_SCHEMAS[name]
        filled = [{column: row.get(column) for column in schema.names} for row in values]
        made.overwrite(GOLD, name, pa.Table.from_pylist(filled, schema=schema))
    return made


@pytest.fixture
def test_start(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let every bundle recommend t8; return the second at which the test period starts."""
    dataset = make_dataset(lake, parse_settings("", SPLIT))

    def load(directory: Path) -> Planted:
        return Planted(dataset, ("t8",), read_manifest(directory)["digest"])

    monkeypatch.setattr(stages.Recommender, "load", load)
    return dataset.split.test_start


def test_one_table_with_intervals(lake: Lake, test_start: int, tmp_path: Path) -> None:
    bundle = planted_bundle(tmp_path, test_start)
    found = CliRunner().invoke(
        evaluate_command,
        ["--lake", str(lake.path), "--bundle", str(bundle), *OPTIONS],
        catch_exceptions=False,
    )
    lines = found.output.splitlines()
    assert lines[0] == f"Bundle {bundle.name}, 10 test users, 95 % intervals in brackets."
    assert lines[2].split() == ["recall@30", "ndcg@30", "hit_rate@30", "precision@30"]
    assert len(lines) == 7 + len(RETRIEVAL_SOURCES)
    # t8 of t8 and t9, at the first place: recall 1/2, NDCG 1 / (1 + 1 / log2(3)).
    assert lines[-1].split("  ")[0] == "Whole recommender"
    assert "0.5000 [0.5000, 0.5000]" in lines[-1]
    assert "0.6131 [0.6131, 0.6131]" in lines[-1]


def test_the_champions_parent_stands_for_it(lake: Lake, test_start: int, tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    judged = planted_bundle(workspace.path, test_start)
    published = planted_bundle(workspace.path, test_start + 9, judged.name)
    workspace.promote(published.name, reason="first", run_id="r1", evaluation={})
    arguments = ["--lake", str(lake.path), "--workspace", str(workspace.path), "--json", *OPTIONS]
    found = CliRunner().invoke(evaluate_command, arguments, catch_exceptions=False)
    about = json.loads(found.output)
    assert about["bundle"] == judged.name
    assert about["summary"]["recommender"]["recall"] == [0.5, 0.5, 0.5]
    assert about["num_eligible"] == 10
    assert set(about["recommender_minus"]) == set(about["systems"]) - {"recommender"}


def test_a_champion_whose_family_knows_the_test_is_said(
    lake: Lake, test_start: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    published = planted_bundle(workspace.path, test_start + 9)
    workspace.promote(published.name, reason="first", run_id="r1", evaluation={})
    arguments = ["evaluate", "--lake", str(lake.path), "--workspace", str(workspace.path), *OPTIONS]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert f"Champion {published.name} and its parents all know listening after second {test_start}" in error


@pytest.mark.parametrize("both", [True, False])
def test_either_a_workspace_or_a_bundle(both: bool, capsys: pytest.CaptureFixture[str]) -> None:
    named = ["--workspace", "w", "--bundle", "b"] if both else []
    assert main(["evaluate", "--lake", "lake", *named]) == 2
    assert "Name --lake and either --workspace or --bundle" in capsys.readouterr().err


def test_a_missing_lake_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--lake", str(tmp_path / "none"), "--bundle", "b"]) == 2
    assert str(tmp_path / "none") in capsys.readouterr().err


def _files(tmp_path: Path) -> list[str]:
    """A training and a test file of forty users who play every other track of forty."""
    lines = [f"u{user},t{(user + 2 * place) % 40}" for user in range(40) for place in range(20)]
    parts = {"train": [line for n, line in enumerate(lines) if n % 4], "test": lines[::4]}
    for name, chosen in parts.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(["user_id,track_id", *chosen]) + "\n", "utf-8")
    return ["--train", str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]


SMALL_OPTIONS = [option for assignment in SET for option in ("--set", assignment)]


def test_any_files_are_judged_with_one_table(tmp_path: Path) -> None:
    arguments = [*_files(tmp_path), "--k", "5", "--k", "10", *SMALL_OPTIONS]
    found = CliRunner().invoke(evaluate_command, arguments, catch_exceptions=False)
    lines = found.stdout.splitlines()
    assert "test: 200 rows in = 200 bronze + 0 quarantined + 0 duplicates" in lines
    assert any(line.startswith("40 test users; means with 95 % bootstrap intervals") for line in lines)
    assert sum(line.startswith("Whole recommender  ") for line in lines) == 2
    assert any(line.startswith("Matrix factorisation alone") for line in lines)
    assert any(line.startswith("  ndcg@10") and "p = " in line for line in lines)
    assert "training with seed 42" in found.stderr


def test_files_and_seeds_as_json(tmp_path: Path) -> None:
    arguments = [*_files(tmp_path), "--seeds", "2", "--json", *SMALL_OPTIONS]
    found = json.loads(CliRunner().invoke(evaluate_command, arguments, catch_exceptions=False).stdout)
    assert found["seeds"] == [42, 43]
    assert found["ks"] == [30]
    whole = found["systems"]["recommender"]["ndcg@30"]
    assert len(whole["by_seed"]) == 2
    assert whole["interval"][0] == pytest.approx(sum(whole["by_seed"]) / 2)
    assert set(found["minus_best_peer"]) == set(found["systems"]) - {found["best_peer"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name --lake and either --workspace or --bundle; or --events; or --train and --test."),
        (
            ["--events", "e.csv", "--lake", "l", "--bundle", "b"],
            "Name either --lake with a bundle, or files; not both.",
        ),
        (["--lake", "l", "--bundle", "b", "--k", "3"], "--k and --seeds are for files"),
        (
            ["--catalogue", "c.csv"],
            "Name --events, or --train and --test; without them there is nothing to judge.",
        ),
        (
            ["--train", "t.csv"],
            "Name either --events, or --train and --test (and --valid if there is one); got --train.",
        ),
        (["--events", "none.csv"], "none.csv"),
        (
            ["--train", "t.csv", "--test", "u.csv", "--mask", "train+valid"],
            "--mask train+valid needs --valid FILE",
        ),
    ],
)
def test_what_means_nothing_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
