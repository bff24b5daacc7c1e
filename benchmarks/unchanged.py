"""How many listeners' playlists stay as they were from one week to the next, which a store need not write again, and why not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.harness import Options, Result
from benchmarks.weekly.stages import SURFACE
from benchmarks.weekly.world import SPLIT, settings_of, world_of
from crossfade.features.dataset import Dataset
from crossfade.recommender.fit import build_bundle
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.schema import columns as c
from crossfade.schema.cores import one_core
from crossfade.store.contract import PROPENSITIES, REASONS, SCORES, SOURCES
from crossfade.store.listeners import listeners
from crossfade.store.shards import table_of

NUM_TRACKS, NUM_USERS = 20_000, 2_000
QUICK_TRACKS, QUICK_USERS = 5_000, 300
BATCH: Final = 256
# What of a slate must be equal for it to count as unchanged.
SAME: Final = {
    "tracks": (c.TRACK_IDS,),
    "but_scores": (c.TRACK_IDS, SOURCES, REASONS, PROPENSITIES),
    "all": (c.TRACK_IDS, SOURCES, REASONS, PROPENSITIES, SCORES),
}


def run(options: Options) -> Result:
    """Make the playlists of two weeks, the later one also by a champion that was trained in between, and compare them.

    Args:
        options: `quick` takes a smaller world.
    """
    num_tracks, num_users = (QUICK_TRACKS, QUICK_USERS) if options.quick else (NUM_TRACKS, NUM_USERS)
    with TemporaryDirectory() as folder:
        home = Path(folder)
        return compared(*weeks_of(home, num_tracks, num_users), quick=options.quick)


def weeks_of(home: Path, num_tracks: int, num_users: int) -> tuple[Dataset, Recommender, Recommender]:
    """Make a world; returns its listening, the champion of the week before its end and that of its end."""
    settings = settings_of("catboost")
    world = world_of(home, num_tracks, num_users, settings)
    parts = (world.dataset, home / "early", home / "ranker", home / "bundles")
    before = build_bundle(*parts, until="validation", settings=settings, lineage={})
    return Dataset.load(world.dataset), Recommender.load(before), Recommender.load(world.bundle)


def compared(dataset: Dataset, before: Recommender, after: Recommender, *, quick: bool) -> Result:
    """Return the shares of listeners whose slates are equal."""
    rested = rested_of(dataset)
    figures: dict[str, Any] = {
        "quick": quick,
        "users": len(rested),
        "rested_share": round(float(rested.mean()), 4),
    }
    with one_core():
        for explores in (True, False):
            old, new = (each if explores else without_exploration(each) for each in (before, after))
            first = slates_at(dataset, old, SPLIT.test_start)
            if not explores:
                again = shares(first, slates_at(dataset, old, SPLIT.test_start), rested)
                figures["same_moment_all_rested"] = again["all_rested"]
            for champion, recommender in (("same", old), ("new", new)):
                second = slates_at(dataset, recommender, SPLIT.end)
                name = f"{champion}_champion_{'explores' if explores else 'exploits'}"
                figures |= {f"{name}_{key}": value for key, value in shares(first, second, rested).items()}
    notes = [
        "Rested: who heard nothing in the week between. Equal in tracks; in all but the scores; in everything.",
    ]
    return Result(figures, {}, notes)


def rested_of(dataset: Dataset) -> npt.NDArray[np.bool_]:
    """Return [num_users] bool: who heard nothing between the two weeks."""
    acts = dataset.interactions
    active = acts.user_rows[acts.seconds >= SPLIT.test_start]
    return np.equal(np.bincount(active, minlength=len(dataset.users)), 0)


def without_exploration(recommender: Recommender) -> Recommender:
    """Return the recommender with a policy that draws no places."""
    policy = recommender.policies[SURFACE].changed({"explore_places": []})
    return replace(recommender, policies={**recommender.policies, SURFACE: policy})


def slates_at(dataset: Dataset, recommender: Recommender, moment: int) -> pa.Table:
    """Return everybody's slates (columns as in `SLATES`) as a batch makes them of what is known before a moment."""
    known = dataset.until(moment)
    as_of = replace(known, split=replace(known.split, end=moment))
    return pa.concat_tables(_batches(as_of, recommender))


def _batches(dataset: Dataset, recommender: Recommender) -> Iterator[pa.Table]:
    length = recommender.policies[SURFACE].k
    ids, queries = listeners(dataset, recommender.dataset, 0, len(dataset.users))
    for start in range(0, len(ids), BATCH):
        part = queries.slice(start, min(start + BATCH, len(ids)))
        slates = recommender.recommend(Requests.of(part, SURFACE, length, rescore_reasons=True))
        yield table_of(ids.slice(start, len(part)), slates, recommender)


def shares(first: pa.Table, second: pa.Table, rested: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return the share of listeners [n] whose slates are equal, of those who rested and of those who listened."""
    found = {}
    for name, columns in SAME.items():
        lists = [(first.column(each).to_pylist(), second.column(each).to_pylist()) for each in columns]
        equal = [[old == new for old, new in zip(*pair, strict=True)] for pair in lists]
        same: npt.NDArray[np.bool_] = np.logical_and.reduce(equal)
        for who, mask in (("rested", rested), ("listened", ~rested)):
            found[f"{name}_{who}"] = round(float(same[mask].mean()), 4) if mask.any() else 0.0
    pairs = zip(first.column(c.TRACK_IDS).to_pylist(), second.column(c.TRACK_IDS).to_pylist(), strict=True)
    shared = np.array([len(set(old) & set(new)) / max(len(new), 1) for old, new in pairs])
    alike = np.equal(shared, 1)
    for who, mask in (("rested", rested), ("listened", ~rested)):
        found[f"tracks_in_any_order_{who}"] = round(float(alike[mask].mean()), 4) if mask.any() else 0.0
    found |= {"tracks_shared_rested": round(float(shared[rested].mean()), 4)}
    return found | {"tracks_shared_listened": round(float(shared[~rested].mean()), 4)}
