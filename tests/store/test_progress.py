"""How far a batch is: planted plans and receipts whose times are set."""

import json
import os
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import pytest

from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import IntegrityError, NotFoundError
from crossfade.store.durations import BEGAN, Durations, ShardTime, duration, note_beginning
from crossfade.store.plan import PLAN, PLANNED, ShardSpec
from crossfade.store.progress import Progress, newest_plan, progress_of

START = 1_000_000.0


def specs(sizes: Sequence[int]) -> list[ShardSpec]:
    """Cut users into shards of these sizes."""
    stops = list(accumulate(sizes))
    return [
        ShardSpec("radio", "g", index, len(sizes), stop - size, stop)
        for index, (size, stop) in enumerate(zip(sizes, stops, strict=True))
    ]


def plan_of(home: Path, num_users: int, shards: dict[float, int], num_more: int = 0) -> Path:
    """Write a plan of START and receipts of its first shards (seconds after it -> users); no more of one user each follow."""
    home.mkdir(parents=True)
    plan, planned = home / PLAN, specs([*shards.values(), *[1] * num_more])
    told = {"generation": {"num_users": num_users}, "shards": [spec.as_json() for spec in planned]}
    plan.write_text(json.dumps(told), "utf-8")
    os.utime(plan, (START, START))
    for spec, (after, users) in zip(planned, shards.items(), strict=False):
        receipt = home / f"{spec.stem}.json"
        receipt.write_text(json.dumps({"num_users": users, "short": {"few candidates": 1}}), "utf-8")
        os.utime(receipt, (START + after, START + after))
    return plan


def test_rate_and_time_left(tmp_path: Path) -> None:
    # 100 users were done before the batch was started again; 400 since, in 200 s.
    plan = plan_of(tmp_path / "week", 2000, {-50: 100, 90: 200, 180: 200})
    assert Progress.of(plan, START + 200).planned == START  # by an older release
    plan.with_name(PLANNED).touch()
    os.utime(plan.with_name(PLANNED), (START - 60, START - 60))
    progress = Progress.of(plan, START + 200)
    assert (progress.planned, progress.started) == (START - 60, START)
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
    plan = plan_of(tmp_path / "week", 2000, {10: 100, 20: 100, 70: 100, 75: 100}, num_more=4)
    begun(plan.parent, {0: 0, 1: 10, 2: 20, 5: 60, 7: 90})  # of the fourth nobody noted the beginning
    found = Progress.of(plan, START + 100).durations
    # 10, 10 and 50 seconds; one goes on for 40 s and one for 10 s.
    assert (found.median_seconds, found.slowest) == (10, ShardTime(2, 50))
    assert (found.slow, found.slow_share) == ((ShardTime(2, 50), ShardTime(5, 40)), 0.4)
    assert found.unfinished == (ShardTime(5, 40), ShardTime(7, 10))
    assert Progress.of(plan, START + 100, 4.5).durations.slow == (ShardTime(2, 50),)
    assert Progress.of(plan, START + 100).num_shards_done == 4


def test_shards_of_another_cut_and_damaged_receipts_do_not_count(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "week", 300, {10: 100, 20: 100, 30: 100})
    begun(plan.parent, {0: 0, 1: 10, 2: 20})
    # The same users again, now in two shards of which none is made: what lies there is of the plan before.
    told = {"generation": {"num_users": 300}, "shards": [spec.as_json() for spec in specs([150, 150])]}
    plan.write_text(json.dumps(told), "utf-8")
    progress = Progress.of(plan, START + 40)
    assert (progress.num_done, progress.num_shards_done, progress.num_shards) == (0, 0, 2)
    assert [shard.index for shard in progress.durations.unfinished] == [0, 1]
    # As many shards of other sizes: the one whose users are the same counts.
    told["shards"] = [spec.as_json() for spec in specs([110, 90, 100])]
    plan.write_text(json.dumps(told), "utf-8")
    assert Progress.of(plan, START + 40).num_done == 100
    (plan.parent / "shard-00002-of-00003.json").write_text("{", "utf-8")
    assert Progress.of(plan, START + 40).num_done == 0


def test_a_damaged_plan_is_told(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "week", 300, {10: 100})
    plan.write_bytes(plan.read_bytes()[:50])
    with pytest.raises(
        IntegrityError, match=r"The plan .*plan\.json is damaged: .*run weekly, which writes it anew"
    ):
        Progress.of(plan, START)


def test_without_a_finished_shard_none_is_slow(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "week", 2000, {}, num_more=4)
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
