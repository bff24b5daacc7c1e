"""What the user tower's attention pools of histories, in parts that can be left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numba
import numpy as np

from crossfade.features.affinities import products
from crossfade.features.interactions import Floats
from crossfade.features.vectors import TrackVectors, component, readable
from crossfade.retrieval.contract import Scores
from crossfade.retrieval.heard import Gone, Heard
from crossfade.retrieval.user_tower import UserInputs, mixed, read, situations, unit
from crossfade.schema.ids import NO_ROW, Rows

FEW: Final = 0.02  # of a head's shares; where fewer are left, they are summed anew


@dataclass(frozen=True)
class Attended:
    """What each head of the attention sums over the histories of n queries.

    The tower reads the first of a query's heard tracks, as many as its history is long.

    Args:
        weights: The tower's.
        track_vectors: [num_tracks, dim].
        inputs: Of the queries.
        heard: Their histories.
        rows: [n, k] int32 tracks that are asked about, -1 padded.
        shares: [n, heads, length] float32 of each track of the history, 1 for the one that has most.
        sums: [n, heads, dim] float32 of the shares times the vectors.
    """

    weights: Mapping[str, Floats]
    track_vectors: TrackVectors
    inputs: UserInputs
    heard: Heard
    rows: Rows
    shares: Floats
    sums: Floats

    @classmethod
    def of(
        cls,
        weights: Mapping[str, Floats],
        track_vectors: TrackVectors,
        inputs: UserInputs,
        heard: Heard,
        rows: Rows,
    ) -> Self:
        """Ask the attention about the inputs of n queries, who heard that."""
        histories, vectors = inputs.histories, readable(track_vectors)
        attention = np.ascontiguousarray(weights["attention"].T, np.float32)
        shares = np.empty((len(histories.rows), len(attention), histories.rows.shape[1]), np.float32)
        _weigh(vectors, (histories.rows, *situations(histories)), (attention, *read(weights)), shares)
        np.exp(shares, out=shares)  # many at once, which compiled code does one by one
        sums = np.zeros((len(shares), *attention.shape), np.float32)
        _add_up(vectors, histories.rows, shares, sums)
        return cls(weights, track_vectors, inputs, heard, rows, shares, sums)

    def without(self, gone: Gone, places: Rows) -> Scores:
        """Score some of the tracks again; see `Recalled`."""
        wanted = unit(self.vectors_without(gone))
        rows = np.where(places >= 0, self.rows[gone.owners[:, None], places], np.int32(NO_ROW))
        return products(self.track_vectors, rows, wanted)

    def vectors_without(self, gone: Gone) -> Floats:
        """Return users' vectors without what is gone, [m, dim] float32, before they are scaled."""
        inputs, owners = self.inputs, gone.owners
        pooled = self.sums[owners]
        totals = self.shares.sum(axis=2)
        heard = (self.heard.owned, self.heard.tracks)
        _take_out(readable(self.track_vectors), (gone.columns, heard), (self.shares, totals), pooled)
        about = gone.country_rows, inputs.trait_rows[owners], inputs.user_rows[owners]
        return mixed(self.weights, pooled, about)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _weigh(vectors, histories, weights, logits):  # type: ignore[no-untyped-def]
    """Fill logits [n, heads, length] less the highest of each head, minus infinity behind a history's end."""
    (rows, ages, plays), (attention, decays, repeats, places) = histories, weights
    for query in range(len(rows)):
        length = 0
        while length < rows.shape[1] and rows[query, length] >= 0:
            row = rows[query, length]
            for head in range(len(attention)):
                product = np.float32(0)
                for i in range(attention.shape[1]):
                    product += component(vectors, row, i) * attention[head, i]
                product += places[length, head] - decays[head] * ages[query, length]
                logits[query, head, length] = product + repeats[head] * plays[query, length]
            length += 1
        for head in range(len(attention)):
            highest = np.float32(-np.inf)
            for entry in range(length):
                highest = max(highest, logits[query, head, entry])
            for entry in range(length):
                logits[query, head, entry] -= highest
            logits[query, head, length:] = -np.inf


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _add_up(vectors, rows, shares, sums):  # type: ignore[no-untyped-def]
    """Fill sums [n, heads, dim], which are 0 before."""
    for query in range(len(rows)):
        for entry in range(rows.shape[1]):
            row = rows[query, entry]
            if row < 0:
                break
            for head in range(sums.shape[1]):
                for i in range(sums.shape[2]):
                    sums[query, head, i] += shares[query, head, entry] * component(vectors, row, i)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _take_out(vectors, histories, attended, pooled):  # type: ignore[no-untyped-def]
    """Turn sums of the owners' whole histories, pooled [m, heads, dim], into means of what is left of them."""
    ((owners, ends, lost), (owned, tracks)), (shares, totals) = histories, attended
    (_, num_heads, dim), length = pooled.shape, shares.shape[2]
    left = np.empty(num_heads, np.float32)
    for claim in range(len(owners)):
        owner = owners[claim]
        left[:] = totals[owner]
        for i in range(ends[claim], ends[claim + 1]):
            entry, row = lost[i] - owned[owner], tracks[lost[i]]
            for head in range(num_heads if entry < length else 0):
                share = shares[owner, head, entry]
                left[head] -= share
                for number in range(dim):
                    pooled[claim, head, number] -= share * component(vectors, row, number)
        for head in range(num_heads):
            if left[head] < FEW * totals[owner, head]:
                span = owned[owner], min(owned[owner] + length, owned[owner + 1])
                gone = lost[ends[claim] : ends[claim + 1]]
                left[head] = _pool((vectors, tracks, span), gone, shares[owner, head], pooled[claim, head])
            scale = np.float32(1) / left[head] if left[head] > 0 else np.float32(0)
            for number in range(dim):
                pooled[claim, head, number] *= scale


# Differences of large sums would leave little but rounding.
@numba.njit(cache=True, nogil=True)
def _pool(heard, gone, shares, pooled):  # type: ignore[no-untyped-def]
    """Sum the vectors of a span of tracks, less those at places gone, into pooled [dim]; returns the sum of their shares."""
    (vectors, tracks, span), left = heard, np.float32(0)
    pooled[:] = 0
    for place in range(span[0], span[1]):
        is_gone = False
        for other in gone:
            is_gone |= other == place
        share = np.float32(0) if is_gone else shares[place - span[0]]
        left += share
        for number in range(len(pooled) if share > 0 else 0):
            pooled[number] += share * component(vectors, tracks[place], number)
    return left
