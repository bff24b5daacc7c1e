"""The user tower's forward pass in NumPy: serving needs no TensorFlow (5 s of import, 500 MB a process)."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Queries
from crossfade.schema.ids import Rows

HEADS: Final = 4
USER_WEIGHTS: Final = ("attention", "decays", "places", "mixing", "countries")


def user_vectors(
    weights: Mapping[str, Floats], track_vectors: Floats, history: Rows, ages: Floats, countries: Rows
) -> Floats:
    """Return unit vectors [n, dim] float32; the same formula as `towers.UserTower`.

    Args:
        weights: The tower's weights by the names in `USER_WEIGHTS`.
        track_vectors: [num_tracks, dim] float32.
        history: [n, history_length] int32 most recent first, -1 where padded.
        ages: [n, history_length] float32 days since the play.
        countries: [n] int32, -1 unknown.
    """
    known = (history >= 0)[:, :, None]
    tracks = np.take(track_vectors, np.maximum(history, 0), axis=0)
    logits = tracks @ weights["attention"] + weights["places"]
    logits -= weights["decays"] * np.log1p(np.maximum(ages, 0))[:, :, None]
    logits -= np.max(logits, axis=1, keepdims=True, where=known, initial=-1e9)
    exponents = np.where(known, np.exp(np.minimum(logits, 0)), 0)
    shares = exponents / np.maximum(exponents.sum(axis=1, keepdims=True), 1e-30)
    pooled = np.matmul(shares.transpose(0, 2, 1), tracks)
    mixed = pooled.reshape(len(history), -1) @ weights["mixing"] + weights["countries"][countries + 1]
    return unit(mixed)


def histories(queries: Queries, length: int, *, has_time: bool) -> tuple[Rows, Floats]:
    """Return what the user tower reads of n queries: their last positive tracks and the ages of those plays.

    Args:
        queries: Who asks, and when.
        length: Entries to read.
        has_time: False where seconds mean nothing; then all ages are 0.

    Returns:
        Track rows [n, length] int32, most recent first, padded with -1, and ages [n, length] float32 in days.
    """
    positives = queries.positives
    ages = (queries.as_of[:, None] - positives.last_seconds(length)) / SECONDS_PER_DAY * has_time
    return positives.last_tracks(length), ages.astype(np.float32)


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Return rows scaled to length 1; rows of zeros stay zero."""
    norms = np.sqrt(np.maximum((vectors**2).sum(axis=1, keepdims=True), 1e-12))
    return np.asarray(vectors / norms, np.float32)
