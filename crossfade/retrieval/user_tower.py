"""The user tower's forward pass in NumPy: serving needs no TensorFlow (5 s of import, 500 MB a process)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Int64s, Queries
from crossfade.features.traits import unknown
from crossfade.features.vectors import TrackVectors, component, readable
from crossfade.retrieval.histories import Histories, last_distinct, next_place
from crossfade.schema.ids import NO_ROW, Rows

HEADS: Final = 4
TOGETHER: Final = 4  # vectors that are added up in one go
LEAST_SHARE: Final = 1.0  # that a history's shares add up to, since the highest logit's is 1
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


@dataclass(frozen=True)
class Attended:
    """What the tower's attention says of the tracks in n histories, for parts of which vectors are wanted again and again.

    Args:
        owned: [n + 1] int64; history i has the tracks owned[i]:owned[i + 1].
        tracks: [p] int32, each once a history, the latest played first.
        products: [p, heads] float32.
    """

    owned: Int64s
    tracks: Rows
    products: Floats

    @classmethod
    def of(cls, weights: Mapping[str, Floats], track_vectors: TrackVectors, queries: Queries) -> Self:
        """Multiply the positives of n queries with the attention; arguments as in `user_vectors`."""
        liked = queries.positives
        places, _ = last_distinct(liked.track_rows, liked.offsets[:-1], liked.offsets[1:], liked.longest)
        is_there = places >= 0
        tracks = liked.track_rows[places[is_there]]
        owned = np.concatenate([[0], np.cumsum(is_there.sum(axis=1))]).astype(np.int64)
        attention = np.ascontiguousarray(weights["attention"].T, np.float32)
        products = np.empty((len(tracks), len(attention)), np.float32)
        _attend(readable(track_vectors), tracks, attention, products)
        return cls(owned, tracks, products)


def unscaled_user_vectors(
    weights: Mapping[str, Floats],
    track_vectors: TrackVectors,
    inputs: UserInputs,
    part_of: tuple[Attended, Int64s] | None = None,
) -> Floats:
    """Return what `user_vectors` scales to unit length [n, dim] float32; its length says how much speaks for a direction.

    Args:
        weights: As in `user_vectors`.
        track_vectors: As there.
        inputs: Of n queries.
        part_of: Where histories are parts of others: what attention says of those, and the query [n] that each is part of.
    """
    histories = inputs.histories
    ages = np.log1p(np.maximum(histories.ages, 0))
    plays = np.log(np.maximum(histories.plays, 1).astype(np.float32))
    read = tuple(np.ascontiguousarray(weights[name], np.float32) for name in ("decays", "repeats", "places"))
    attention = np.ascontiguousarray(weights["attention"].T, np.float32)
    pooled = np.zeros((len(histories.rows), *attention.shape), np.float32)
    if part_of is None:
        _pool(readable(track_vectors), (histories.rows, ages, plays), (attention, *read), pooled)
    else:
        attended, owners = part_of
        known = (attended.owned, attended.tracks, attended.products)
        shares = np.empty((len(pooled), len(attention), histories.rows.shape[1] + TOGETHER), np.float32)
        _weigh_parts(known, (owners, histories.rows, ages, plays), read, shares)
        np.exp(shares, out=shares)  # many at once, which compiled code does one by one
        parts = (np.argsort(owners, kind="stable"), histories.rows)
        _pool_parts(readable(track_vectors), parts, shares, pooled)
    mixed = (
        pooled.reshape(len(pooled), -1) @ weights["mixing"] + weights["countries"][inputs.country_rows + 1]
    )
    if (inputs.trait_rows >= 0).any():
        mixed += _rows_or_zeros(weights["traits"], inputs.trait_rows).sum(axis=1)
    if (inputs.user_rows >= 0).any():
        mixed += _rows_or_zeros(weights["users"], inputs.user_rows)
    return mixed


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


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _attend(vectors, rows, attention, products):  # type: ignore[no-untyped-def]
    """Fill products [p, heads] of the vectors of rows [p] with attention [heads, dim]."""
    for entry in range(len(rows)):
        for head in range(len(attention)):
            product = np.float32(0)
            for i in range(attention.shape[1]):
                product += component(vectors, rows[entry], i) * attention[head, i]
            products[entry, head] = product


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _weigh_parts(known, parts, weights, logits):  # type: ignore[no-untyped-def]
    """Fill logits [n, heads, length] less the highest of each head, minus infinity behind a history's end."""
    (owned, tracks, products), (owners, rows, ages, plays) = known, parts
    decays, repeats, places = weights
    for query in range(len(rows)):
        span, length = (owned[owners[query]], owned[owners[query] + 1]), 0
        at = span[0]
        while length < rows.shape[1] and rows[query, length] >= 0:
            at = next_place(rows[query, length], tracks, span, at)
            for head in range(len(decays)):
                moved = places[length, head] - decays[head] * ages[query, length]
                logits[query, head, length] = (
                    products[at, head] + moved + repeats[head] * plays[query, length]
                )
            at, length = at + 1, length + 1
        for head in range(len(decays)):
            highest = np.float32(-np.inf)
            for entry in range(length):
                highest = max(highest, logits[query, head, entry])
            for entry in range(length):
                logits[query, head, entry] -= highest
            logits[query, head, length:] = -np.inf


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pool_parts(vectors, parts, shares, pooled):  # type: ignore[no-untyped-def]
    """Fill pooled [n, heads, dim] as `_pool` does, owner by owner: a history's vectors stay in the nearest cache.

    Shares [n, heads, length + `TOGETHER`] need not add up to 1; behind a history's end they are 0.
    """
    (order, rows), (_, num_heads, dim) = parts, pooled.shape
    together = np.zeros((shares.shape[2], dim), np.float32)
    for query in order:
        length = 0
        while length < rows.shape[1] and rows[query, length] >= 0:
            row = rows[query, length]
            for i in range(dim):
                together[length, i] = component(vectors, row, i)
            length += 1
        for head in range(num_heads):
            total = np.float32(0)
            for entry in range(length):
                total += shares[query, head, entry]
            scale = np.float32(1) / max(total, np.float32(LEAST_SHARE))
            for first in range(0, length, TOGETHER):
                one, two = shares[query, head, first] * scale, shares[query, head, first + 1] * scale
                three, four = shares[query, head, first + 2] * scale, shares[query, head, first + 3] * scale
                for i in range(dim):
                    pooled[query, head, i] += (
                        one * together[first, i]
                        + two * together[first + 1, i]
                        + three * together[first + 2, i]
                        + four * together[first + 3, i]
                    )


def _rows_or_zeros(table: Floats, rows: Rows) -> Floats:
    """Return the table's rows [..., dim], zeros for -1."""
    return np.where((rows >= 0)[..., None], table[np.maximum(rows, 0)], np.float32(0))


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Return rows scaled to length 1; rows of zeros stay zero."""
    norms = np.sqrt(np.maximum((vectors**2).sum(axis=1, keepdims=True), 1e-12))
    return np.asarray(vectors / norms, np.float32)
