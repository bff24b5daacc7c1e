"""The weekly benchmark's worlds are the product's own, its bars have both outcomes, and changed bytes are told."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import weekly as bench
from benchmarks.weekly.kills import digests
from benchmarks.weekly.stages import Block, stage_microseconds
from benchmarks.weekly.tries import Try, calmest
from benchmarks.weekly.worker import TRIES, starts_of
from benchmarks.weekly.world import World, settings_of, world_of
from crossfade.features.dataset import Dataset
from crossfade.recommender.recommend import Recommender
from crossfade.schema.columns import PAIR_SOURCES, RETRIEVAL_SOURCES

NUM_TRACKS, NUM_USERS = 2000, 120
SETTINGS = settings_of(bench.MODEL, "ranking.num_trees=10")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world_of(tmp_path_factory.mktemp("world"), NUM_TRACKS, NUM_USERS, SETTINGS)


def test_a_world_has_listeners_with_histories_and_playlists_with_reasons(world: World) -> None:
    dataset, recommender = Dataset.load(world.dataset), Recommender.load(world.bundle)
    assert (len(dataset.catalogue), len(dataset.users)) == (NUM_TRACKS, NUM_USERS)
    assert (np.diff(dataset.user_offsets) >= 8).all()
    block = Block(dataset, recommender, NUM_USERS, 30)
    slates = recommender.recommend(block.read()[1])
    assert (slates.lengths == 30).all()
    assert (slates.reason_kinds > 0).any()
    taken = stage_microseconds(Block(dataset, recommender, 8, 30), 1)
    asked = [f"retrieve_{name}" for name in RETRIEVAL_SOURCES if name not in PAIR_SOURCES]
    ours = ["merge", "cut", "features", "rank", "rerank", "links", "explain", "rescore", "write"]
    assert list(taken) == ["read", *asked, *ours]
    assert min(taken.values()) > 0


@pytest.mark.parametrize(("seconds", "peak", "holds"), [(5.0, 3, True), (9.0, 5, False)])
def test_bars(world: World, seconds: float, peak: int, holds: bool) -> None:
    size = bench.Size("tiny", NUM_TRACKS, NUM_USERS, 8000, 1500)
    tries = [
        Try(8000, seconds * slower, 4.0 * slower, 0.0, 9.0, shared)
        for slower, shared in ((10, 0.9), (1, 0.1))
    ]
    second = tries if holds else [replace(each, seconds=3 * each.seconds) for each in tries]
    usual = {"one": [tries], "two": [tries, second], "implicit": [[Try(1000, 1.0, 1.0, 0.0, 9.0, 0.0)]]}
    slow = [tries[0]]
    slower = {"one": [slow], "two": [slow, slow], "implicit": [[Try(1000, 10.0, 9.0, 0.0, 9.0, 0.9)]]}
    stages = {"rank": 100.0, "write": 350.0 if holds else 30.0}
    figures, bars, notes = bench.described(size, world, stages, [usual, slower, usual], peak * bench.GIB)
    assert (figures["tiny_shared"], figures["tiny_two_cores_shared"]) == (0.9, 0.9)
    assert figures["tiny_every_try_per_second_per_core"] == round(800 / seconds, 1)
    assert figures["tiny_least_playlists_per_second_per_core"] == round(800 / seconds, 1)
    assert figures["tiny_playlists_per_second_per_core"] == round(8000 / seconds, 1)
    assert figures["tiny_cpu_microseconds"] == 500
    assert figures["tiny_stages_microseconds"] == (450 if holds else 130)
    # Playlists a second times the seconds of their stages alone: 1600 x 450 µs, and 889 x 130 µs.
    assert figures["tiny_of_stages"] == (0.72 if holds else 0.116)
    assert [bar.holds for bar in bars.values()] == [holds] * 5
    assert notes[0].split() == ["tiny", "rank", "100.0", "µs", "22.2%" if holds else "76.9%"]


def test_of_workers_at_once_the_calmest_tries_count_while_all_were_at_work() -> None:
    first = [Try(1, 1.0, 1.0, began, began + 5, shared) for began, shared in ((0, 0.0), (5, 0.3), (10, 0.2))]
    second = [Try(1, 1.0, 1.0, began, began + 6, shared) for began, shared in ((1, 0.5), (7, 0.4), (13, 0.0))]
    assert [each.began for each in calmest([first, second])] == [10, 7]
    assert calmest([first])[0].began == 0


def test_shards_of_a_worker_begin_behind_each_other_and_are_whole() -> None:
    assert starts_of(range(8000), 60_000) == [0, 8000, 16_000, 24_000]
    starts = starts_of(range(8000, 16_000), 20_000)
    assert len(set(starts)) == TRIES
    assert max(starts) + 8000 <= 20_000


def test_a_worker_s_peak_is_its_own_and_not_that_of_who_started_it() -> None:
    held = np.ones(2**27, np.float64)  # a gibibyte
    code = "from benchmarks.weekly.worker import peak_bytes; print(peak_bytes())"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert 0 < int(told.stdout) < held.nbytes


def test_changed_or_missing_files_are_told(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "weekly" / "week").mkdir(parents=True)
        (tmp_path / name / "weekly" / "week" / "shard.parquet").write_bytes(b"slates")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    (tmp_path / "one" / "weekly" / "week" / ".shard.parquet.77").write_bytes(b"half")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    (tmp_path / "one" / "weekly" / "week" / "shard.parquet").write_bytes(b"slate")
    assert digests(tmp_path / "one") != digests(tmp_path / "two")
