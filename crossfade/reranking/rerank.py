"""From ranked candidates to slates: diversity, a calibrated genre mix, caps and a pull against popularity."""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.reranking.greedy import ANY_SHARE, RerankWeights, TrackColumns, select
from crossfade.reranking.profiles import GenreProfiles
from crossfade.schema.ids import Rows

__all__ = ["ANY_SHARE", "GenreProfiles", "RerankWeights", "TrackColumns", "best_first", "rerank", "typed"]

Kinds = npt.NDArray[np.int8]
PLACE_BITS: Final = 31  # of a key, below the 32 of a score
BEYOND: Final = 1 << 32


def rerank(
    rows: Rows,
    scores: npt.NDArray[np.float32],
    k: int,
    *,
    tracks: TrackColumns,
    profiles: GenreProfiles,
    weights: RerankWeights,
    kinds: Kinds | None = None,
    order: Rows | None = None,
) -> Rows:
    """Choose slates greedily, track by track.

    The track chosen next has the highest gain (maximal marginal relevance, Carbonell and Goldstein 1998;
    calibration, Steck 2018), where S is the slate so far, p the listener's genre mix and q the mix of S
    with the track, smoothed by p:

        (1 - diversity) * relevance - diversity * max(0, max over S of cosine)
            - popularity_penalty * popularity - calibration * KL(p || q)

    Equal gains go to the higher score, then to the lower track row. Caps hold even where that leaves a slate
    short; so do shares: places kept for new or small artists stay empty where candidates by them run out.

    Args:
        rows: [n, c] int32 candidate tracks, no track twice in a row; -1 is passed over.
        scores: [n, c] float32 ranker's scores, finite where the row is not -1.
        k: Length of a slate.
        tracks: Columns over all tracks.
        profiles: Genre profiles of the n listeners.
        weights: The aims' weights and the caps.
        kinds: [n, c, 2] int8 of `artist_kinds`; None where `weights` sets no shares.
        order: [n, c] int32 of `best_first`, where the caller has it already.

    Returns:
        [n, k] int32 places in the candidates (0..c-1), in slate order, padded with -1.
    """
    ordered = best_first(rows, scores) if order is None else order
    candidates = (rows, scores, ordered, known_kinds(rows, kinds))
    mixes = (profiles.genre_rows, profiles.shares)
    return np.asarray(select(candidates, tracks, mixes, typed(weights), k), np.int32)


def best_first(rows: Rows, scores: npt.NDArray[np.float32]) -> Rows:
    """Return [n, c] int32 places of candidates by falling score, then by row; padded ones (row -1) last."""
    # One number a candidate, which sorts many times faster than two: the score's bits, turned so that they rise as the
    # score falls, before the place. Adding 0 makes one zero of two.
    bits = (scores.astype(np.float32, copy=False) + np.float32(0)).view(np.int32)
    keys, order = np.empty(rows.shape, np.int64), np.empty(rows.shape, np.int32)
    _note(rows, bits, keys)
    keys.sort(axis=1)
    _read(keys, rows, order)
    return order


@numba.njit(cache=True, nogil=True)
def _note(rows, bits, keys):  # type: ignore[no-untyped-def]
    """Fill keys [n, c] of candidates; one that is padded stands behind every score."""
    for query in range(len(rows)):
        for place in range(rows.shape[1]):
            bit = np.int64(bits[query, place])
            falling = bit + BEYOND if bit < 0 else (BEYOND >> 1) - 1 - bit
            keys[query, place] = ((falling if rows[query, place] >= 0 else BEYOND - 1) << PLACE_BITS) | place


@numba.njit(cache=True, nogil=True)
def _read(keys, rows, order):  # type: ignore[no-untyped-def]
    """Fill order [n, c] with the places of sorted keys; those of one score, which are few, change places by their rows."""
    for query in range(len(keys)):
        for slot in range(keys.shape[1]):
            place, before = keys[query, slot] & ((1 << PLACE_BITS) - 1), slot
            while (
                before > 0
                and keys[query, before - 1] >> PLACE_BITS == keys[query, slot] >> PLACE_BITS
                and rows[query, order[query, before - 1]] > rows[query, place]
            ):
                order[query, before] = order[query, before - 1]
                before -= 1
            order[query, before] = place


def known_kinds(rows: Rows, kinds: Kinds | None) -> Kinds:
    """Return kinds [n, c, 2], all unknown where there are none."""
    return np.full((*rows.shape, 2), -1, np.int8) if kinds is None else kinds


def typed(weights: RerankWeights) -> RerankWeights:
    """Return the weights with the types that the kernels were compiled for."""
    diversity, calibration, popularity_penalty = map(float, weights[:3])
    shares = [(float(least), float(most)) for least, most in weights[5:]]
    return RerankWeights(diversity, calibration, popularity_penalty, *weights[3:5], *shares)
