"""The user tower's forward pass in NumPy: serving needs no TensorFlow (5 s of import, 500 MB a process)."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.retrieval.histories import Histories
from crossfade.schema.ids import Rows

HEADS: Final = 4
USER_WEIGHTS: Final = ("attention", "decays", "repeats", "places", "mixing", "countries")


def user_vectors(
    weights: Mapping[str, Floats], track_vectors: Floats, histories: Histories, countries: Rows
) -> Floats:
    """Return unit vectors [n, dim] float32; the same formula as `towers.UserTower`.

    Args:
        weights: The tower's weights by the names in `USER_WEIGHTS`.
        track_vectors: [num_tracks, dim] float32.
        histories: Of n users, [n, history_length].
        countries: [n] int32, -1 unknown.
    """
    known = (histories.rows >= 0)[:, :, None]
    tracks = np.take(track_vectors, np.maximum(histories.rows, 0), axis=0)
    logits = tracks @ weights["attention"] + weights["places"]
    logits -= weights["decays"] * np.log1p(np.maximum(histories.ages, 0))[:, :, None]
    logits += weights["repeats"] * np.log(np.maximum(histories.plays, 1).astype(np.float32))[:, :, None]
    logits -= np.max(logits, axis=1, keepdims=True, where=known, initial=-1e9)
    exponents = np.where(known, np.exp(np.minimum(logits, 0)), 0)
    shares = exponents / np.maximum(exponents.sum(axis=1, keepdims=True), 1e-30)
    pooled = np.matmul(shares.transpose(0, 2, 1), tracks)
    mixed = pooled.reshape(len(countries), -1) @ weights["mixing"] + weights["countries"][countries + 1]
    return unit(mixed)


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Return rows scaled to length 1; rows of zeros stay zero."""
    norms = np.sqrt(np.maximum((vectors**2).sum(axis=1, keepdims=True), 1e-12))
    return np.asarray(vectors / norms, np.float32)
