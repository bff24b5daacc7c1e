"""The user tower's forward pass in NumPy: serving needs no TensorFlow (5 s of import, 500 MB a process)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Queries
from crossfade.features.traits import unknown
from crossfade.features.vectors import TrackVectors, component, readable
from crossfade.retrieval.histories import Histories
from crossfade.schema.ids import NO_ROW, Rows

HEADS: Final = 4
USER_WEIGHTS: Final = ("attention", "decays", "repeats", "places", "mixing", "countries", "traits", "users")


@dataclass(frozen=True)
class UserInputs:
    """What the user tower reads of n queries.

    Args:
        histories: [n, history_length] tracks, ages and plays.
        country_rows: [n] int32, -1 unknown.
        trait_rows: [n, 6] int32 age, device, shuffle, context, hour and weekday, -1 unknown.
        user_rows: [n] int32 rows of the table of users, -1 without.
    """

    histories: Histories
    country_rows: Rows
    trait_rows: Rows
    user_rows: Rows

    @classmethod
    def of(cls, queries: Queries, length: int, user_buckets: Rows, *, has_time: bool) -> "UserInputs":
        """Cut the inputs of queries.

        Args:
            queries: Who asks, and when.
            length: Tracks of a history.
            user_buckets: [num_users] int32 row of each user in the table of users; empty where users have none.
            has_time: False where seconds mean nothing.
        """
        traits = unknown(len(queries)) if queries.traits is None else queries.traits
        known = (queries.user_rows >= 0) & (len(user_buckets) > 0)
        rows = np.full(len(queries), NO_ROW, np.int32)
        rows[known] = user_buckets[queries.user_rows[known]]
        histories = Histories.of(queries, length, has_time=has_time)
        return cls(histories, queries.country_rows, traits.astype(np.int32), rows)


def user_vectors(weights: Mapping[str, Floats], track_vectors: TrackVectors, inputs: UserInputs) -> Floats:
    """Return unit vectors [n, dim] float32; the same formula as `towers.UserTower`.

    Args:
        weights: The tower's weights by the names in `USER_WEIGHTS`.
        track_vectors: [num_tracks, dim].
        inputs: Of n queries.
    """
    return unit(unscaled_user_vectors(weights, track_vectors, inputs))


def unscaled_user_vectors(
    weights: Mapping[str, Floats], track_vectors: TrackVectors, inputs: UserInputs
) -> Floats:
    """Return what `user_vectors` scales to unit length [n, dim] float32; its length says how much speaks for a direction.

    Arguments as in `user_vectors`.
    """
    histories = inputs.histories
    attention = np.ascontiguousarray(weights["attention"].T, np.float32)
    pooled = np.zeros((len(histories.rows), *attention.shape), np.float32)
    asked = (histories.rows, *situations(histories))
    _pool(readable(track_vectors), asked, (attention, *read(weights)), pooled)
    return mixed(weights, pooled, (inputs.country_rows, inputs.trait_rows, inputs.user_rows))


def situations(histories: Histories) -> tuple[Floats, Floats]:
    """Return logarithms of ages and of plays [n, length] float32, as attention reads them."""
    ages = np.log1p(np.maximum(histories.ages, 0))
    return ages, np.log(np.maximum(histories.plays, 1).astype(np.float32))


def read(weights: Mapping[str, Floats]) -> tuple[Floats, ...]:
    """Return weights of ages, of plays and of places in a history, for kernels."""
    return tuple(np.ascontiguousarray(weights[name], np.float32) for name in ("decays", "repeats", "places"))


def mixed(weights: Mapping[str, Floats], pooled: Floats, about: tuple[Rows, Rows, Rows]) -> Floats:
    """Mix what heads pooled of histories [n, heads, dim] with what is known of who asks; [n, dim] float32.

    Args:
        weights: As in `user_vectors`.
        pooled: Each head's mean of a history's vectors.
        about: Rows of countries, traits and users, as in `UserInputs`.
    """
    country_rows, trait_rows, user_rows = about
    found: Floats = (
        pooled.reshape(len(pooled), -1) @ weights["mixing"] + weights["countries"][country_rows + 1]
    )
    if (trait_rows >= 0).any():
        found += _rows_or_zeros(weights["traits"], trait_rows).sum(axis=1)
    if (user_rows >= 0).any():
        found += _rows_or_zeros(weights["users"], user_rows)
    return found


# Compiled, since NumPy would gather the vectors of all histories, 13 kB a query, before it reads the first.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pool(vectors, histories, weights, pooled):  # type: ignore[no-untyped-def]
    """Fill pooled [n, heads, dim] with each head's mean of a history's vectors, weighed by a softmax of its logits."""
    (rows, ages, plays), (attention, decays, repeats, places) = histories, weights
    num_heads, dim = attention.shape
    logits = np.empty((rows.shape[1], num_heads), np.float32)
    together = np.empty(
        (rows.shape[1], dim), np.float32
    )  # a history's vectors, which are read once for each head
    for query in range(rows.shape[0]):
        length = 0
        while length < rows.shape[1] and rows[query, length] >= 0:
            length += 1
        for entry in range(length):
            row = rows[query, entry]
            for i in range(dim):
                together[entry, i] = component(vectors, row, i)
            for head in range(num_heads):
                product = np.float32(0)
                for i in range(dim):
                    product += together[entry, i] * attention[head, i]
                product += places[entry, head] - decays[head] * ages[query, entry]
                logits[entry, head] = product + repeats[head] * plays[query, entry]
        for head in range(num_heads):
            highest, total = np.float32(-np.inf), np.float32(0)
            for entry in range(length):
                highest = max(highest, logits[entry, head])
            for entry in range(length):
                logits[entry, head] = np.exp(logits[entry, head] - highest)
                total += logits[entry, head]
            for entry in range(length):
                share = logits[entry, head] / total
                for i in range(dim):
                    pooled[query, head, i] += share * together[entry, i]


def _rows_or_zeros(table: Floats, rows: Rows) -> Floats:
    """Return the table's rows [..., dim], zeros for -1."""
    return np.where((rows >= 0)[..., None], table[np.maximum(rows, 0)], np.float32(0))


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Return rows scaled to length 1; rows of zeros stay zero."""
    norms = np.sqrt(np.maximum((vectors**2).sum(axis=1, keepdims=True), 1e-12))
    return np.asarray(vectors / norms, np.float32)
