"""The session encoders' forward pass in NumPy: serving needs no TensorFlow; the same formulas as `session_encoders`."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.features.vectors import TrackVectors
from crossfade.retrieval.user_tower import unit
from crossfade.schema.ids import Rows

FEED_FORWARD: Final = 2  # times wider than the vectors
EPSILON: Final = 1e-6
MASKED: Final = -1e9

Weights = Mapping[str, Floats]
Bools = npt.NDArray[np.bool_]


def encoded_inputs(
    weights: Weights, track_vectors: TrackVectors, rows: Rows, skips: Floats
) -> tuple[Floats, Bools]:
    """Return what is encoded, [n, length, dim], and which places are filled, [n, length].

    Args:
        weights: By the names of the layer's weights.
        track_vectors: [num_tracks, dim] of length 1.
        rows: [n, length] int32 sessions, newest last, padded with -1 in front.
        skips: [n, length] float32, 1 where skipped early.
    """
    known = rows >= 0
    vectors = track_vectors[np.maximum(rows, 0)] + weights["places"] + skips[..., None] * weights["skipped"]
    return np.asarray(vectors * known[..., None], np.float32), known


def sasrec_vectors(weights: Weights, entries: Floats, known: Bools) -> Floats:
    """Return the unit query vectors [n, dim] of the last place; `SasRecLayer` in NumPy."""
    last, normal = entries[:, -1], _normal(entries)
    keys, values = normal @ weights["key"], normal @ weights["value"]
    logits = np.einsum("nd,nld->nl", normal[:, -1] @ weights["query"], keys) / np.sqrt(entries.shape[-1])
    logits = np.where(known, logits, MASKED)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = exponents / exponents.sum(axis=1, keepdims=True)
    mixed = last + np.einsum("nl,nld->nd", shares, values) @ weights["output_mix"]
    return unit(mixed + np.maximum(_normal(mixed) @ weights["widen"], 0) @ weights["narrow"])


def gru4rec_vectors(weights: Weights, entries: Floats, known: Bools) -> Floats:
    """Return the unit query vectors [n, dim] of the last place; `Gru4RecLayer` in NumPy."""
    state = np.zeros_like(entries[:, 0])
    for place in range(entries.shape[1]):
        update, reset, fresh = np.split(entries[:, place] @ weights["kernel"] + weights["bias"], 3, axis=-1)
        old_update, old_reset, old = np.split(state @ weights["recurrent"], 3, axis=-1)
        update, reset = _sigmoid(update + old_update), _sigmoid(reset + old_reset)
        stepped = update * state + (1 - update) * np.tanh(fresh + reset * old)
        state = np.where(known[:, place, None], stepped, state)
    return unit(state + entries[:, -1])


def _normal(vectors: Floats) -> Floats:
    centred = vectors - vectors.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON), np.float32)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)), np.float32)
