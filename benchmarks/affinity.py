"""True affinity of discovery slates against the best peer's at equal novelty, on the twin, where love is known.

A peer's list is reordered with a weight on novelty until its slates are as novel as ours on average: its best 200 unheard
tracks get (1 - |w|) * relevance + w * novelty, where relevance falls evenly from 1 at the first place to 0 at the last, and
novelty is a track's self-information (-log2 of the share of users who know it), spread to 0..1 over the list. A negative
weight makes slates more popular. Between the two weights of the grid that enclose our novelty, the peer's mean affinity is
read off a straight line.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Bar, Options, Result
from benchmarks.quality.peers import PEERS
from benchmarks.quality.tuning import QUICK_TRIALS, TRIALS, by_time, fitted, tuned
from benchmarks.ratios import ratio
from benchmarks.worlds import QUICK_TRAINING, World, trained_recommender, twin_world
from crossfade.evaluation.baselines import POPULARITY, popularity
from crossfade.evaluation.evaluate import Recommend, slates_of
from crossfade.evaluation.stages import whole
from crossfade.evaluation.suite import RECOMMENDER, label
from crossfade.evaluation.truth import Truth
from crossfade.features.translation import Translation
from crossfade.schema.ids import Rows
from crossfade.schema.settings import Settings, load_settings

Doubles = npt.NDArray[np.float64]

DEPTH: Final = 200
WEIGHTS: Final = np.linspace(-0.9, 0.9, 37)
AT_LEAST: Final = 1.10


class Loved(NamedTuple):
    """A system's slates: mean novelty in bits, and each user's mean true affinity [n] float64."""

    novelty: float
    affinity: Doubles


def run(options: Options) -> Result:
    """Judge our slates as served and every tuned peer's at our novelty, on one test period of the twin.

    Raises:
        MissingExtraError: `implicit` is not installed.
        NotFoundError: The directory holds no lake, no truth, or no bundle to judge.
    """
    settings = load_settings(assignments=QUICK_TRAINING if options.quick else [])
    with TemporaryDirectory() as folder:
        world = twin_world(options, Path(folder), settings)
        dataset = world.dataset
        recommender = trained_recommender(options, dataset, Path(folder), settings)
        truth = Truth.of(dataset, dataset.split.test_start, dataset.split.end, settings)
        system = whole(recommender, Translation(dataset, recommender.dataset))
        ours = loved(slates_of(system, truth.queries, settings.evaluation.k), truth, world)
    peers, chosen = _peers(world, truth, settings, trials=QUICK_TRIALS if options.quick else TRIALS)
    curves = {name: _curve(peer, truth, world, settings) for name, peer in peers.items()}
    at_ours = {name: at_novelty(curve, ours.novelty) for name, curve in curves.items()}
    plain = {name: curve[len(WEIGHTS) // 2] for name, curve in curves.items()}
    return _result(ours, at_ours, plain, chosen, settings=settings, quick=options.quick)


def _peers(
    world: World, truth: Truth, settings: Settings, *, trials: int
) -> tuple[dict[str, Recommend], dict[str, str]]:
    """Tune every peer as `quality` does, by NDCG on the validation period."""
    systems, chosen = {POPULARITY: popularity(truth.popularity)}, {}
    dataset, seed = world.dataset, settings.seed
    protocol, known = by_time(dataset, settings), dataset.until(dataset.split.test_start)
    for peer in PEERS:
        best = tuned(peer, dataset, protocol, trials=trials, seed=seed)
        systems[peer.name] = fitted(peer, best.parameters, known, protocol, seed)
        chosen[peer.name] = str(best)
    return systems, chosen


def loved(rows: Rows, truth: Truth, world: World) -> Loved:
    """Measure slates [n, k] of the truth's users; an empty slate's are NaN and left out of means."""
    shown, users = rows >= 0, truth.queries.user_rows
    count = np.maximum(shown.sum(axis=1), 1)
    affinity = np.zeros(rows.shape)
    affinity[shown] = world.truth.affinity(np.repeat(users, shown.sum(axis=1)), rows[shown])
    bits = np.where(shown, truth.popularity.self_information[rows], 0).sum(axis=1) / count
    is_empty = ~shown.any(axis=1)
    bits[is_empty] = np.nan
    return Loved(float(np.nanmean(bits)), np.where(is_empty, np.nan, affinity.sum(axis=1) / count))


def _curve(system: Recommend, truth: Truth, world: World, settings: Settings) -> list[Loved]:
    """Return a system's slates at every weight of the grid."""
    rows = slates_of(system, truth.queries, min(DEPTH, len(truth.catalogue)))
    bits = truth.popularity.self_information
    return [loved(pulled(rows, bits, weight, settings.evaluation.k), truth, world) for weight in WEIGHTS]


def pulled(rows: Rows, bits: Doubles, weight: float, k: int) -> Rows:
    """Reorder lists [n, depth] by relevance and novelty, and cut them to k; see the module's first lines."""
    shown = rows >= 0
    low = np.where(shown, bits[rows], np.inf).min(axis=1, keepdims=True)
    high = np.where(shown, bits[rows], -np.inf).max(axis=1, keepdims=True)
    spread = (bits[rows] - low) / np.maximum(high - low, 1e-9)
    relevance = 1 - np.arange(rows.shape[1]) / max(rows.shape[1] - 1, 1)
    gains = np.where(shown, (1 - abs(weight)) * relevance + weight * spread, -np.inf)
    best = np.argsort(-gains, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(rows, best, axis=1)


def at_novelty(curve: list[Loved], novelty: float) -> Doubles:
    """Return the affinities [n] at a mean novelty, on a straight line between the two slates that enclose it.

    Where the whole curve is less or more novel, its end nearest to it stands in.
    """
    order = np.argsort([slates.novelty for slates in curve], kind="stable")
    levels = np.array([curve[place].novelty for place in order])
    above = int(np.clip(np.searchsorted(levels, novelty), 1, len(levels) - 1))
    low, high = curve[order[above - 1]], curve[order[above]]
    share = np.clip((novelty - low.novelty) / max(high.novelty - low.novelty, 1e-9), 0, 1)
    return np.asarray((1 - share) * low.affinity + share * high.affinity)


def _result(
    ours: Loved,
    at_ours: Mapping[str, Doubles],
    plain: Mapping[str, Loved],
    chosen: Mapping[str, str],
    *,
    settings: Settings,
    quick: bool,
) -> Result:
    best = max(at_ours, key=lambda name: float(np.nanmean(at_ours[name])))
    mean, low, high = ratio(ours.affinity, at_ours[best], settings)
    figures: dict[str, Any] = {
        "quick": quick,
        "test_users": len(ours.affinity),
        "best_peer": best,
        f"{RECOMMENDER}_novelty_bits": round(ours.novelty, 3),
        f"{RECOMMENDER}_affinity": round(float(np.nanmean(ours.affinity)), 4),
    }
    for name, affinity in at_ours.items():
        figures[f"{name}_affinity"] = round(float(np.nanmean(affinity)), 4)
    figures |= {"ratio": round(mean, 4), "ratio_low": round(low, 4), "ratio_high": round(high, 4)}
    lines = [
        "Mean true affinity (1 in the middle of a listener's main interest, about 0.2 at random) of slates of "
        f"{settings.evaluation.k}, at the novelty of ours as served; in brackets the peer's own slates.",
        "",
        f"{label(RECOMMENDER):<26}{np.nanmean(ours.affinity):.4f} at {ours.novelty:.2f} bits",
    ]
    lines += [
        f"{label(name):<26}{np.nanmean(affinity):.4f} ({np.nanmean(plain[name].affinity):.4f} at "
        f"{plain[name].novelty:.2f} bits)  {chosen.get(name, '')}".rstrip()
        for name, affinity in at_ours.items()
    ]
    return Result(figures, {"ratio": Bar(mean, at_least=AT_LEAST)}, lines)
