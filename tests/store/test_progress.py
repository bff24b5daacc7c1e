"""How far a batch is: planted plans and receipts whose times are set."""

import json
import os
from pathlib import Path

import pytest

from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import NotFoundError
from crossfade.store.durations import BEGAN, Durations, ShardTime, duration, note_beginning
from crossfade.store.plan import PLAN
from crossfade.store.progress import Progress, newest_plan, progress_of

START = 1_000_000.0


def plan_of(home: Path, num_users: int, shards: dict[float, int]) -> Path:
    """Write a plan of START and receipts of shards (seconds after it -> users)."""
    home.mkdir(parents=True)
    plan = home / PLAN
    plan.write_text(
        json.dumps({"generation": {"num_users": num_users}, "shards": [{}] * len(shards)}), "utf-8"
    )
    os.utime(plan, (START, START))
    for number, (after, users) in enumerate(shards.items()):
        receipt = home / f"shard-{number:05d}-of-00009.json"
        receipt.write_text(json.dumps({"num_users": users, "short": {"few candidates": 1}}), "utf-8")
        os.utime(receipt, (START + after, START + after))
    return plan


def test_rate_and_time_left(tmp_path: Path) -> None:
    # 100 users were done before the batch was started again; 400 since, in 200 s.
    progress = Progress.of(plan_of(tmp_path / "week", 2000, {-50: 100, 90: 200, 180: 200}), START + 200)
    assert (progress.num_done, progress.num_since, progress.num_short) == (500, 400, 3)
    assert progress.users_per_second == pytest.approx(2)
    assert progress.finish == pytest.approx(START + 200 + 1500 / 2)
    assert str(progress) == "500 of 2,000 users (25%), 2.0 a second, 12 min 30 s left"


def test_a_finished_batch_has_the_time_of_its_last_shard(tmp_path: Path) -> None:
    progress = Progress.of(plan_of(tmp_path / "week", 300, {50: 100, 100: 200}), START + 9999)
    assert (progress.finish, progress.users_per_second) == (START + 100, 3)
    assert str(progress) == "300 of 300 users (100%), finished"


def test_nothing_is_told_of_the_end_before_a_shard_is_done(tmp_path: Path) -> None:
    progress = Progress.of(plan_of(tmp_path / "week", 300, {-50: 100}), START + 10)
    assert progress.finish is None
    assert str(progress) == "100 of 300 users (33%), no shard since the start"


def test_hours_are_told_as_hours(tmp_path: Path) -> None:
    progress = Progress.of(plan_of(tmp_path / "week", 8000, {3600: 1000}), START + 3600)
    assert str(progress).endswith("0.3 a second, 7 h 0 min left")


def begun(home: Path, moments: dict[int, float]) -> None:
    """Note that shards were begun so many seconds after START."""
    for index, after in moments.items():
        note_beginning(home / "shard-00000-of-00009", index)
        os.utime(home / f"{BEGAN}{index:05d}", (START + after, START + after))


def test_slow_and_unfinished_shards_are_named(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "week", 2000, {10: 100, 20: 100, 70: 100, 75: 100})
    begun(plan.parent, {0: 0, 1: 10, 2: 20, 5: 60, 7: 90})  # of the fourth nobody noted the beginning
    found = Progress.of(plan, START + 100).durations
    # 10, 10 and 50 seconds; one goes on for 40 s and one for 10 s.
    assert (found.median_seconds, found.slowest) == (10, ShardTime(2, 50))
    assert (found.slow, found.slow_share) == ((ShardTime(2, 50), ShardTime(5, 40)), 0.4)
    assert found.unfinished == (ShardTime(5, 40), ShardTime(7, 10))
    assert Progress.of(plan, START + 100, 4.5).durations.slow == (ShardTime(2, 50),)
    assert Progress.of(plan, START + 100).num_shards_done == 4


def test_without_a_finished_shard_none_is_slow(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "week", 2000, {})
    assert Progress.of(plan, START).durations == Durations(None, None, (), 0, ())
    begun(plan.parent, {3: 0})
    assert Progress.of(plan, START + 5000).durations == Durations(None, None, (), 1, (ShardTime(3, 5000),))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.25, "0.2 s"), (2, "2 s"), (75.4, "1 min 15 s"), (7260, "2 h 1 min")]
)
def test_durations_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_newest_batch_counts(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path)
    assert newest_plan(workspace, "radio") is None
    with pytest.raises(NotFoundError, match=r"No batch of radio is planned in .*; run: crossfade run weekly"):
        progress_of(workspace, "radio")
    plan_of(workspace.weekly / "radio" / "g2", 5, {1: 5})
    newer = plan_of(workspace.weekly / "radio" / "g1", 7, {})
    os.utime(newer, (START + 5, START + 5))
    assert newest_plan(workspace, "radio") == newer
    assert progress_of(workspace, "radio").generation == "g1"
