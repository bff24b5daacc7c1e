"""Recall of the approximate index against exact search, and the speed of both, on a demo's bundle."""

from functools import partial
from typing import Final

import numpy as np

from benchmarks.harness import Bar, Options, Result, in_turn, median_and_spread
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.index import Index
from crossfade.retrieval.index_exact import ExactIndex
from crossfade.retrieval.two_tower import TwoTower
from crossfade.schema.columns import TWO_TOWER

DEPTH: Final = 500
LEAST_RECALL: Final = 0.95
QUERIES: Final = 2000
SEED: Final = 42


def run(options: Options) -> Result:
    """Ask both indexes for the best tracks of the bundle's users, in turn.

    Raises:
        NotFoundError: The directory holds no workspace with a champion.
    """
    if options.directory is None:
        return _measured(*_simulated(quick=options.quick), quick=options.quick)
    from crossfade.recommender.workspace import Workspace

    bundle = Workspace.open(options.directory / "workspace").champion()
    dataset = Dataset.load(bundle)
    two_tower = TwoTower.load(bundle / "sources" / TWO_TOWER, dataset.catalogue)
    return _measured(two_tower, dataset, quick=options.quick)


def _simulated(*, quick: bool) -> tuple[TwoTower, Dataset]:
    """Fit the two-tower alone on simulated listening."""
    from benchmarks.quality.data import load_trial
    from crossfade.schema.settings import load_settings

    settings = load_settings(assignments=["two_tower.epochs=1"] if quick else [])
    dataset = load_trial(Options(quick=quick), settings).judged
    return TwoTower(settings.two_tower, settings.index, settings.seed).fit(dataset), dataset


def _measured(two_tower: TwoTower, dataset: Dataset, *, quick: bool) -> Result:
    vectors = _user_vectors(two_tower, dataset, 200 if quick else QUERIES)
    depth = min(DEPTH, len(dataset.catalogue))
    sides: dict[str, Index | ExactIndex] = {
        "index": two_tower.index_,
        "exact": ExactIndex(np.ascontiguousarray(two_tower.track_vectors_)),
    }
    answers = {name: index.search(vectors, depth) for name, index in sides.items()}
    seconds = in_turn(
        {name: partial(index.search, vectors, depth) for name, index in sides.items()},
        repeats=3 if quick else 7,
    )
    figures: dict[str, float | int | str | bool] = {
        "quick": quick,
        "tracks": len(dataset.catalogue),
        "queries": len(vectors),
        "depth": depth,
        "index_is_exact": two_tower.index_.is_exact,
        "recall": round(recall(answers["index"], answers["exact"]), 4),
    }
    for name, taken in seconds.items():
        median, spread = median_and_spread(taken)
        figures[f"{name}_queries_per_second"] = round(len(vectors) / median)
        figures[f"{name}_spread_seconds"] = round(spread, 4)
    bar = Bar(float(figures["recall"]), at_least=LEAST_RECALL)
    return Result(figures, {"recall": bar}, ["The bundle's index in turn with exact search."])


def recall(found: Ranking, exact: Ranking) -> float:
    """Return the share of the exact best tracks that an index found, over all queries."""
    width = max(int(found[0].max()), int(exact[0].max())) + 1
    owners = np.arange(len(exact[0]))[:, None] * width
    wanted = (owners + exact[0])[exact[0] >= 0]
    return float(np.isin(wanted, (owners + found[0])[found[0] >= 0]).mean())


def _user_vectors(two_tower: TwoTower, dataset: Dataset, most: int) -> Floats:
    """Return vectors of up to `most` users who have a history, drawn by a fixed seed."""
    active = np.unique(dataset.interactions.user_rows)
    drawn = np.random.default_rng(SEED).permutation(active)[:most].astype(np.int32)
    end = int(dataset.interactions.seconds.max()) + 1
    return two_tower.user_vectors(dataset.queries(np.sort(drawn), end))
