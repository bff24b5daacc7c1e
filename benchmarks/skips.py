"""How well a skip's strength tells what listeners truly love: corrected for its place and for known tracks, against raw."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from benchmarks.harness import Bar, Options, Result
from benchmarks.worlds import World, twin_world
from crossfade.features.interactions import Interactions
from crossfade.features.skips import SkipHabits
from crossfade.features.statistics import LISTEN_STRENGTH
from crossfade.schema.settings import load_settings

Doubles = npt.NDArray[np.floating]

LEAST_GAINS: Final = {"pairs": 0.05, "skips": 0.2, "auc": 0.02}


def run(options: Options) -> Result:
    """Correct skips by habits learnt before the validation period, and judge those after it by the true affinity.

    Raises:
        NotFoundError: The directory holds no lake, or no truth.
    """
    settings = load_settings(assignments=["skips.correct=false"])
    with TemporaryDirectory() as folder:
        world = twin_world(options, Path(folder), settings)
    acts, moment = world.dataset.interactions, world.dataset.split.validation_start
    habits = SkipHabits.of(acts.where(acts.seconds < moment))
    later = acts.seconds >= moment
    everywhere = replace(habits, expected=np.full_like(habits.expected, habits.usual))
    sides = {
        "raw": acts.where(later),
        "known_tracks": everywhere.corrected(acts).where(later),
        "corrected": habits.corrected(acts).where(later),
    }
    figures: dict[str, float | int | str | bool] = {
        "quick": options.quick,
        "skips": int(_is_skip(sides["raw"]).sum()),
    }
    judged = {name: judge(sides["raw"], side, world) for name, side in sides.items()}
    for name, measures in judged.items():
        figures |= {f"{name}_{measure}": round(value, 4) for measure, value in measures.items()}
    bars = {}
    for measure, least in LEAST_GAINS.items():
        gain = judged["corrected"][measure] - judged["raw"][measure]
        figures[f"gain_{measure}"] = round(gain, 4)
        bars[f"gain_{measure}"] = Bar(gain, at_least=least)
    return Result(figures, bars, _notes(habits))


def judge(raw: Interactions, acts: Interactions, world: World) -> Mapping[str, float]:
    """Compare strengths with the true affinity.

    Args:
        raw: Interactions as they came, which say what was a skip.
        acts: The same ones with the strengths to judge.
        world: The truth.

    Returns:
        Spearman's correlation of strength and affinity over skips ("skips") and, with strengths summed, over pairs of
        user and track with a skip ("pairs"); the probability that of two such pairs, one above and one below the
        median affinity, the loved one has the higher sum ("auc").
    """
    skipped = _is_skip(raw)
    keys = acts.user_rows.astype(np.int64) << 32 | acts.track_rows
    pairs, places = np.unique(keys, return_inverse=True)
    has_skip = np.bincount(places, skipped) > 0
    sums = np.bincount(places, acts.strengths)[has_skip].astype(np.float64)
    users, tracks = (pairs[has_skip] >> 32).astype(np.int32), (pairs[has_skip] & 0xFFFFFFFF).astype(np.int32)
    loved = world.truth.affinity(users, tracks)
    of_skips = world.truth.affinity(acts.user_rows[skipped], acts.track_rows[skipped])
    return {
        "skips": rank_correlation(acts.strengths[skipped], of_skips),
        "pairs": rank_correlation(sums, loved),
        "auc": auc(sums, loved > np.median(loved)),
    }


def rank_correlation(left: Doubles, right: Doubles) -> float:
    """Return Spearman's rank correlation, equal values sharing their mean rank."""
    return float(np.corrcoef(rankdata(left), rankdata(right))[0, 1])


def auc(values: Doubles, is_positive: npt.NDArray[np.bool_]) -> float:
    """Return the probability that a positive has the higher value, ties counting half (Mann and Whitney 1947)."""
    num_positive, num_negative = int(is_positive.sum()), int((~is_positive).sum())
    wins = rankdata(values)[is_positive].sum() - num_positive * (num_positive + 1) / 2
    return float(wins / (num_positive * num_negative))


def _is_skip(acts: Interactions) -> npt.NDArray[np.bool_]:
    return np.asarray((acts.strengths < 0) & (acts.strengths >= -LISTEN_STRENGTH))


def _notes(habits: SkipHabits) -> list[str]:
    expected = ", ".join(f"{share:.3f}" for share in habits.expected)
    return [
        "Skips after the start of the validation period; habits are learnt before it. Rank correlations with the "
        "listeners' true affinity, over skips and over pairs of user and track; AUC over the same pairs. `known_tracks` is "
        "corrected for what was wanted before, not for places.",
        f"Expected share of skips at places 1 to 11 and later: {expected}; over all places {habits.usual:.3f}.",
    ]
