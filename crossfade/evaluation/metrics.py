"""Metrics of slates, one value per user; NaN where a metric is not defined for a user."""

from typing import Final

import numpy as np

from crossfade.evaluation.cohorts import TRACK_COHORTS, track_cohorts
from crossfade.evaluation.genre_mix import calibration_error, diversity
from crossfade.evaluation.membership import locate
from crossfade.evaluation.popularity import Bools, Doubles
from crossfade.evaluation.truth import Truth
from crossfade.features.interactions import Int64s
from crossfade.schema.ids import Rows

ACCURACY: Final = ("recall", "ndcg", "hit_rate", "precision")
HIGHER: Final = 1
LOWER: Final = -1
DESCRIPTIVE: Final = 0


def direction(metric: str) -> int:
    """Return whether more of a metric is better, by its name.

    `recall`, `ndcg`, `hit_rate`, `precision` (also of a track cohort, as `recall_cold`) and `*_score` are
    better when higher, `*_loss` and `*_error` when lower; all others describe a slate and are neither.
    """
    if metric.endswith(("_loss", "_error")):
        return LOWER
    accurate = any(metric == name or metric.startswith(f"{name}_") for name in ACCURACY)
    return HIGHER if accurate or metric.endswith("_score") else DESCRIPTIVE


def user_metrics(rows: Rows, truth: Truth) -> dict[str, Doubles]:
    """Judge the slates of all test users.

    Args:
        rows: [n, k] int32 slates in the truth's user order, best first; -1 is an empty place and a miss.
        truth: n test users.

    Returns:
        Metric -> [n] float64, NaN where it is not defined (no genres, an empty slate, no relevant track of
        the cohort).
    """
    places = locate(truth.offsets, truth.track_rows, rows)
    return (
        accuracy(places >= 0, np.diff(truth.offsets))
        | _recall_by_track_cohort(places, truth)
        | {
            "calibration_error": calibration_error(rows, truth.queries, truth.catalogue),
            "diversity": diversity(rows, truth.catalogue),
            "novelty_bits": _mean_of(truth.popularity.self_information, rows),
            "long_tail_share": _mean_of(~truth.popularity.is_head, rows),
            "new_artist_share": _new_artist_share(rows, truth),
        }
    )


def reciprocal_rank(hits: Bools) -> Doubles:
    """Return 1 / place of the first of hits [n, k], 0 without one: [n] float64."""
    return np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0)


def accuracy(hits: Bools, num_relevant: Int64s) -> dict[str, Doubles]:
    """Recall, NDCG (Järvelin and Kekäläinen 2002, binary gains), hit rate and precision of hits [n, k].

    Recall divides by all relevant tracks, the standard, so a user with more than k of them cannot reach 1;
    NDCG divides by the best that k places allow; precision always divides by k, so a short slate pays for its
    empty places.
    """
    k = hits.shape[1]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discounts)[np.minimum(num_relevant, k) - 1]
    num_hits = hits.sum(axis=1)
    return {
        "recall": num_hits / num_relevant,
        "ndcg": hits @ discounts / ideal,
        "hit_rate": (num_hits > 0).astype(np.float64),
        "precision": num_hits / k,
    }


def _recall_by_track_cohort(places: Int64s, truth: Truth) -> dict[str, Doubles]:
    """Return recall over the relevant tracks of each cohort alone, NaN for users without one."""
    groups = track_cohorts(truth.track_rows, truth.popularity)
    owners = np.repeat(np.arange(len(truth)), np.diff(truth.offsets))
    hit = np.zeros(len(groups), np.bool_)
    hit[places[places >= 0]] = True
    recalls = {}
    for position, name in enumerate(TRACK_COHORTS):
        relevant = np.bincount(owners[groups == position], minlength=len(truth))
        found = np.bincount(owners[(groups == position) & hit], minlength=len(truth))
        recalls[f"recall_{name}"] = np.where(relevant > 0, found / np.maximum(relevant, 1), np.nan)
    return recalls


def _mean_of(values: Doubles | Bools, rows: Rows) -> Doubles:
    """Average a track column [num_tracks] over each slate, NaN for an empty one."""
    shown = rows >= 0
    count = shown.sum(axis=1)
    total = np.where(shown, values[rows], 0.0).sum(axis=1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _new_artist_share(rows: Rows, truth: Truth) -> Doubles:
    """Return the share of each slate by artists not in the user's history; unknown artists do not count."""
    artists = truth.catalogue.artist_rows
    shown = np.where(rows >= 0, artists[rows], -1)
    known = locate(truth.queries.offsets, artists[truth.queries.track_rows], shown) >= 0
    count = (shown >= 0).sum(axis=1)
    return np.asarray(np.where(count > 0, ((shown >= 0) & ~known).sum(axis=1) / np.maximum(count, 1), np.nan))
