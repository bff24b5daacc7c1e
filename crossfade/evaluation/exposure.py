"""How all slates together use the catalogue: coverage and the inequality of exposure."""

from typing import Final

import numpy as np
from scipy.sparse import csr_matrix

from crossfade.evaluation.bootstrap import Interval, resampled
from crossfade.evaluation.popularity import Doubles
from crossfade.schema.ids import Rows


def coverage(counts: Doubles, num_tracks: int) -> Doubles:
    """Return [s] the share of the catalogue that is shown at all, from exposures [s, shown tracks]."""
    return np.asarray((counts > 0).sum(axis=1) / max(num_tracks, 1))


def gini(counts: Doubles, num_tracks: int) -> Doubles:
    """Return [s] the Gini coefficient of exposures over all tracks: 0 is all alike, 1 nearly one track alone.

    With exposures x ascending and ranks i from 1 over N tracks: 2 sum(i x_i) / (N sum(x)) - (N + 1) / N.
    Tracks never shown come first and add nothing, so only the shown ones are held.

    Args:
        counts: [s, shown] float64 exposures in s resamples.
        num_tracks: N, of the whole catalogue.
    """
    ascending = np.sort(counts, axis=1)
    ranks = np.arange(num_tracks - counts.shape[1] + 1, num_tracks + 1)
    total = np.maximum(counts.sum(axis=1), 1)
    return np.asarray(2 * (ascending @ ranks) / (num_tracks * total) - (num_tracks + 1) / num_tracks)


MEASURES: Final = {"coverage": coverage, "exposure_gini": gini}


def catalogue_metrics(
    rows: Rows, num_tracks: int, *, samples: int, confidence: float, seed: int
) -> dict[str, Interval]:
    """Measure coverage and exposure Gini of n slates with intervals over users.

    They are properties of all slates together, not means over users: drawing users with replacement repeats
    slates, so resampled coverage is always too low. The intervals therefore take the spread of the resamples
    about their own mean, laid around the value.

    Args:
        rows: [n, k] int32 slates, padded with -1.
        num_tracks: Tracks of the catalogue.
        samples: Resampled user sets.
        confidence: For example 0.95.
        seed: Of the resampling.
    """
    shown = rows >= 0
    if not shown.any():
        return {name: Interval(np.nan, np.nan, np.nan) for name in MEASURES}
    tracks, places = np.unique(rows[shown], return_inverse=True)
    owners = np.nonzero(shown)[0]
    slates = csr_matrix((np.ones(len(owners)), (places, owners)), shape=(len(tracks), len(rows)))
    whole = np.asarray(slates.sum(axis=1)).reshape(1, -1)
    drawn: dict[str, list[Doubles]] = {name: [] for name in MEASURES}
    for weights in resampled(len(rows), samples, seed):
        counts = (slates @ weights.T).T
        for name, measure in MEASURES.items():
            drawn[name].append(measure(counts, num_tracks))
    return {
        name: _centred(float(measure(whole, num_tracks)[0]), np.concatenate(drawn[name]), confidence)
        for name, measure in MEASURES.items()
    }


def _centred(value: float, drawn: Doubles, confidence: float) -> Interval:
    low, high = np.quantile(drawn - drawn.mean(), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, max(0.0, value + float(low)), min(1.0, value + float(high)))
