"""Genres of slates against those of histories: calibration and diversity."""

from typing import Final, NamedTuple

import numpy as np

from crossfade.evaluation.popularity import Doubles
from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Int64s, Queries
from crossfade.schema.ids import Rows

SMOOTHING: Final = (
    0.01  # share of the history's mix blended into the slate's, so that a missing genre costs finitely
)


class _Mix(NamedTuple):
    """Genre weights of n owners as sorted entries: keys [m] owner * num_genres + genre, weights [m]."""

    keys: Int64s
    weights: Doubles


def calibration_error(rows: Rows, queries: Queries, catalogue: Catalogue) -> Doubles:
    """Compare the genre mix of slates with that of what each user liked before.

    Kullback-Leibler divergence KL(p || 0.99 q + 0.01 p) in nats of Steck (2018): p is the mix of positive
    history entries, q that of the slate, a track's genres sharing its weight equally.

    Args:
        rows: [n, k] int32 slates, padded with -1.
        queries: n histories.
        catalogue: Genres of tracks.

    Returns:
        [n] float64, 0 is perfectly calibrated; NaN where history or slate has no genre.
    """
    num_genres = max(len(catalogue.genres), 1)
    history = queries.positives
    wanted = _shares(history.owners, history.track_rows, catalogue)
    shown = _shares(np.repeat(np.arange(len(rows)), rows.shape[1]), rows.ravel(), catalogue)
    places = np.minimum(np.searchsorted(shown.keys, wanted.keys), max(len(shown.keys) - 1, 0))
    got = np.zeros(len(wanted.keys))
    if len(shown.keys):
        got = np.where(shown.keys[places] == wanted.keys, shown.weights[places], 0.0)
    smoothed = (1 - SMOOTHING) * got + SMOOTHING * wanted.weights
    costs = wanted.weights * np.log(wanted.weights / smoothed)
    error = np.bincount(wanted.keys // num_genres, weights=costs, minlength=len(rows))
    has_both = np.isin(np.arange(len(rows)), wanted.keys // num_genres)
    has_both &= np.isin(np.arange(len(rows)), shown.keys // num_genres)
    return np.asarray(np.where(has_both, np.maximum(error, 0.0), np.nan))


def diversity(rows: Rows, catalogue: Catalogue) -> Doubles:
    """Return the mean distance between the genres of two tracks of a slate (Ziegler et al. 2005).

    Distance is 1 - cosine of the tracks' genre sets; tracks without genres are left out. With unit vectors
    g_i the sum over ordered pairs of cosines is |sum g_i|^2 - n, so no pair is looked at.

    Args:
        rows: [n, k] int32 slates, padded with -1.
        catalogue: Genres of tracks.

    Returns:
        [n] float64 in 0..1, NaN with fewer than two tracks that have genres.
    """
    genres = catalogue.genre_rows[rows.ravel()]
    num_genres = (genres >= 0).sum(axis=1)
    owners = np.repeat(np.arange(len(rows)), rows.shape[1])
    counted = (rows.ravel() >= 0) & (num_genres > 0)
    length = 1 / np.sqrt(np.maximum(num_genres, 1))
    summed = _sum(owners[counted], genres[counted], length[counted], max(len(catalogue.genres), 1))
    squares = np.bincount(
        summed.keys // max(len(catalogue.genres), 1), weights=summed.weights**2, minlength=len(rows)
    )
    count = np.bincount(owners[counted], minlength=len(rows))
    similarity = (squares - count) / np.maximum(count * (count - 1), 1)
    return np.asarray(np.where(count > 1, np.clip(1 - similarity, 0.0, 1.0), np.nan))


def _shares(owners: Int64s, tracks: Rows, catalogue: Catalogue) -> _Mix:
    """Return each owner's genre mix over tracks (-1 left out); shares of one owner add up to 1."""
    genres = np.where(tracks[:, None] >= 0, catalogue.genre_rows[tracks], -1)
    num_genres = (genres >= 0).sum(axis=1)
    mix = _sum(owners, genres, 1 / np.maximum(num_genres, 1), max(len(catalogue.genres), 1))
    places = mix.keys // max(len(catalogue.genres), 1)
    totals = np.bincount(places, weights=mix.weights, minlength=1)
    return _Mix(mix.keys, np.asarray(mix.weights / totals[places]))


def _sum(owners: Int64s, genres: Rows, weights: Doubles, num_genres: int) -> _Mix:
    """Add up weights [m] of entries with genres [m, 5] by owner and genre."""
    present = genres >= 0
    keys = (owners[:, None] * num_genres + genres)[present]
    distinct, places = np.unique(keys, return_inverse=True)
    spread = np.broadcast_to(weights[:, None], genres.shape)[present]
    return _Mix(distinct, np.bincount(places, weights=spread, minlength=len(distinct)).astype(np.float64))
