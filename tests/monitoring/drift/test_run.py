"""From a lake and a champion to a report: on the command line, in files, and in the errors that name what is amiss."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kfp import dsl

from benchmarks.drift.planting import KINDS
from components.drift.component import drift
from crossfade.cli.main import main
from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import InputError, NotFoundError
from monitoring.drift.reference import Reference, end_of_whole_days
from monitoring.drift.report import lines
from monitoring.drift.run import Drift, days_since, look_for_drift
from monitoring.drift.stage import DRIFTED, QUIET, find_drift, outcome
from tests.monitoring.drift import lakes

SET = [part for each in ("drift.groups=3", "drift.reference_weeks=4") for part in ("--set", each)]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> lakes.Drifted:
    return lakes.drifted(tmp_path_factory.mktemp("broken"), KINDS["broken_client"])


def command(found: lakes.Drifted, *more: str) -> list[str]:
    places = ["--lake", str(found.lake.path), "--workspace", str(found.workspace.path)]
    return ["drift", *places, "--listening-only", *SET, *more]


def test_the_command_tells_what_moved_for_whom_since_when(
    broken: lakes.Drifted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(broken)) == 0
    told = capsys.readouterr().out
    assert "reference 2025-06-02 to 2025-06-29\n" in told
    assert "played_share of device speaker since 2025-06-30: number distance " in told
    page = (broken.workspace.drift / "drift.html").read_text("utf-8")
    assert "<svg" in page
    assert "device speaker" in page
    assert "which share of a track is played" in page
    assert "in standard deviations of days without drift" in page

    kept = json.loads((broken.workspace.drift / "drift.json").read_text("utf-8"))
    assert kept["bundle"] == broken.workspace.champion_digest()
    assert kept["is_pinned"]
    assert kept["verdict"]["days"] == ["2025-06-30", "2025-07-01"]
    assert kept["ratios"]["played_share"] > 1
    assert kept["ratios"]["genres"] < 1
    assert len(kept["verdict"]["scores"]) == kept["verdict"]["num_series"] > 50


def test_days_before_the_drift_are_quiet(broken: lakes.Drifted) -> None:
    found = look_for_drift(broken.lake, broken.workspace, lakes.SETTINGS, until=date(2025, 6, 30))
    assert found.verdict is None  # no day is left
    assert outcome(found) == QUIET


def test_the_champion_of_today_has_nothing_to_be_held_against(
    broken: lakes.Drifted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    end = int(datetime(2025, 7, 2, tzinfo=UTC).timestamp())
    start = int(datetime(2025, 6, 2, tzinfo=UTC).timestamp())
    window = {"start": start, "end": end, "split": {"has_time": True}}
    lakes.promote(workspace, broken.lake, window=window)
    since = lakes.Drifted(broken.lake, workspace)
    assert main(command(since)) == 0
    assert "no whole day since then: nothing to hold against it yet" in capsys.readouterr().out
    assert main(command(since, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["ratios"]) == (None, {})
    assert "No whole day has passed" in (workspace.drift / "drift.html").read_text("utf-8")


def test_the_component_tells_drift_by_its_outcome_and_a_pinned_version_that_is_gone(
    broken: lakes.Drifted, tmp_path: Path
) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    lakes.promote(workspace, broken.lake, lake_versions=broken.lake.versions() | {"silver/events": 99})
    page = dsl.HTML(name="page", uri=str(tmp_path / "page"))
    places = (str(broken.lake.path), str(workspace.path))
    assert drift.python_func(*places, lakes.SETTINGS.dumps(), page) == DRIFTED
    told = json.loads((workspace.drift / "drift.json").read_text("utf-8"))
    assert not told["is_pinned"]
    assert "played_share" in {moved["measure"] for moved in told["verdict"]["moved"]}
    assert (tmp_path / "page").read_text("utf-8") == workspace.drift_page.read_text("utf-8")
    found = Drift(
        told["bundle"], ("a", "b"), told["is_pinned"], told["newest_event"], None, told["checked_at"]
    )
    assert lines(found)[0].endswith("(as it stands now: the versions that the bundle pins are gone)")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lake": "another"}, r"learnt from lake 'another', but .* is '.*'; name the lake"),
        ({"window": {"split": {"has_time": False}}}, "learnt from events without timestamps"),
        (
            {"window": {"start": 0, "end": 20 * 86_400, "split": {"has_time": True}}},
            r"learnt from 2 whole weeks \(since 1970-01-01\); drift needs 4",
        ),
    ],
)
def test_a_champion_that_cannot_be_a_reference_is_named(
    broken: lakes.Drifted, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    lakes.promote(workspace, broken.lake, **changes)
    with pytest.raises(InputError, match=message):
        find_drift(broken.lake, workspace, lakes.SETTINGS)


def test_without_champion_or_times_there_is_no_drift(broken: lakes.Drifted, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no champion yet"):
        find_drift(broken.lake, Workspace.create(tmp_path / "workspace"), lakes.SETTINGS)
    shutil.copytree(broken.lake.path, tmp_path / "lake")
    empty = Lake.open(tmp_path / "lake")
    empty.overwrite("silver", "events", empty.read("silver", "events").slice(0, 0))
    with pytest.raises(InputError, match=r"No event of .* has a timestamp"):
        find_drift(empty, broken.workspace, lakes.SETTINGS)


def test_whole_days_end_with_their_last_hour() -> None:
    assert end_of_whole_days(datetime(2026, 1, 5, 22, 59, tzinfo=UTC)) == date(2026, 1, 5)
    assert end_of_whole_days(datetime(2026, 1, 5, 23, 0, tzinfo=UTC)) == date(2026, 1, 6)
    reference = Reference("b", [date(2026, 1, 1)], {})
    newest = datetime(2026, 1, 4, 12, tzinfo=UTC)
    assert days_since(reference, newest) == [date(2026, 1, 2), date(2026, 1, 3)]
    assert days_since(reference, newest, date(2026, 1, 3)) == [date(2026, 1, 2)]
    assert days_since(reference, newest - timedelta(days=9)) == []
