"""Rankings of several sources into one list of candidates, and what of a ranking is allowed."""

from collections.abc import Sequence
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.candidates import Candidates
from crossfade.features.interactions import Floats
from crossfade.retrieval.contract import Ranking
from crossfade.schema.ids import NO_ROW, Rows

FUSION: Final = np.float32(60)  # the constant of reciprocal rank fusion's authors
SPACIOUS: Final = 4  # a table of tracks has so many places for each track, a power of two in all


def beside(rankings: Sequence[Ranking]) -> Ranking:
    """Return rankings [n, m] of the same n queries as one: rows and scores [n, num_sources, m]."""
    shape = len(rankings[0][0]), len(rankings), rankings[0][0].shape[1]
    rows, scores = np.empty(shape, np.int32), np.empty(shape, np.float32)
    for place, (own_rows, own_scores) in enumerate(rankings):
        rows[:, place], scores[:, place] = own_rows, own_scores
    return rows, scores


def merged(rankings: Ranking, num_candidates: int) -> Candidates:
    """Merge the rankings of sources: every source's best, then every source's second, each track once.

    Args:
        rankings: Rows and scores [n, num_sources, depth] of n queries, no track twice in one ranking.
        num_candidates: Width of the result.
    """
    rows, scores = rankings
    chosen = np.empty((len(rows), num_candidates), np.int32)
    shape = (*chosen.shape, rows.shape[1])
    told, ranks = np.empty(shape, np.float32), np.empty(shape, np.float32)
    table = np.empty(1 << int(SPACIOUS * num_candidates).bit_length(), np.int32)
    _merge(rows, scores, (chosen, told, ranks), table)
    return Candidates(chosen, told, ranks)


@numba.njit(cache=True, nogil=True)
def _merge(rows, scores, merged_columns, table):  # type: ignore[no-untyped-def]
    """Fill candidates from rows and scores [n, sources, depth]; the table holds places by track, hashed."""
    chosen, told, ranks = merged_columns
    for query in range(len(rows)):
        count = 0
        table[:], chosen[query], told[query], ranks[query] = NO_ROW, NO_ROW, np.nan, np.nan
        for rank in range(rows.shape[2]):
            for source in range(rows.shape[1]):
                track = rows[query, source, rank]
                if track < 0:
                    continue
                slot = _slot(track, chosen[query], table)
                if table[slot] < 0:
                    if count == chosen.shape[1]:
                        continue
                    table[slot], chosen[query, count] = count, track
                    count += 1
                told[query, table[slot], source] = scores[query, source, rank]
                ranks[query, table[slot], source] = rank


@numba.njit(cache=True, nogil=True)
def _slot(track, chosen, table):  # type: ignore[no-untyped-def]
    """Return where the track's place stands in the table, or where it would (linear probing)."""
    mask = len(table) - 1
    slot = (track * 40503) & mask
    while table[slot] >= 0 and chosen[table[slot]] != track:
        slot = (slot + 1) & mask
    return slot


def first_cut(candidates: Candidates, most: int) -> Candidates:
    """Keep the candidates that the sources together put first, by reciprocal rank fusion (Cormack et al. 2009).

    Args:
        candidates: [n, c].
        most: How many to keep of each query; of equals the earlier.

    Returns:
        Candidates [n, min(c, most)] in the order in which they stood; the same object where there are no more.
    """
    if candidates.rows.shape[1] <= most:
        return candidates
    fused = np.empty(candidates.rows.shape, np.float32)
    _fuse(candidates.rows, candidates.ranks, fused)
    worst = -np.partition(-fused, most - 1, axis=1)[:, most - 1]
    kept = np.empty((len(fused), most), np.int64)
    _keep_fused(fused, worst, kept)
    at = np.arange(len(kept))[:, None]
    return Candidates(candidates.rows[at, kept], candidates.scores[at, kept], candidates.ranks[at, kept])


@numba.njit(cache=True, nogil=True)
def _fuse(rows, ranks, fused):  # type: ignore[no-untyped-def]
    """Fill fused [n, c] with what the ranks [n, c, sources] of a candidate add up to; padding is below all."""
    for query in range(rows.shape[0]):
        for place in range(rows.shape[1]):
            total = np.float32(0 if rows[query, place] >= 0 else -1)
            for source in range(ranks.shape[2]):
                rank = ranks[query, place, source]
                if not np.isnan(rank):
                    total += np.float32(1) / (FUSION + rank)
            fused[query, place] = total


@numba.njit(cache=True, nogil=True)
def _keep_fused(fused, worst, kept):  # type: ignore[no-untyped-def]
    """Fill kept [n, most] with the places of values above the worst that is kept, and the first of those equal to it."""
    for query in range(fused.shape[0]):
        count, spare = 0, kept.shape[1]
        for place in range(fused.shape[1]):
            spare -= fused[query, place] > worst[query]
        for place in range(fused.shape[1]):
            is_equal = fused[query, place] == worst[query]
            if fused[query, place] > worst[query] or (is_equal and spare > 0):
                kept[query, count] = place
                count += 1
                spare -= is_equal


def first_allowed(
    rows: Rows, scores: Floats, excluded: npt.NDArray[np.bool_], depth: int
) -> tuple[Rows, Floats, npt.NDArray[np.bool_]]:
    """Return the first allowed tracks of rankings.

    Args:
        rows: [n, m] int32 best first, -1 padded.
        scores: [n, m] float32.
        excluded: [n, m] bool.
        depth: Most to return.

    Returns:
        Rows [n, depth] int32 and scores [n, depth] float32, padded with -1 and -inf, and [n] bool where a deeper ranking may
        have more: all m are there, and fewer than `depth` are allowed.
    """
    kept, values = np.empty((len(rows), depth), np.int32), np.empty((len(rows), depth), np.float32)
    is_short = np.empty(len(rows), np.bool_)
    _keep_allowed((rows, scores, excluded), (kept, values, is_short))
    return kept, values, is_short


@numba.njit(cache=True, nogil=True)
def _keep_allowed(rankings, kept_columns):  # type: ignore[no-untyped-def]
    (rows, scores, excluded), (kept, values, is_short) = rankings, kept_columns
    for query in range(len(rows)):
        count, stop = 0, rows.shape[1]
        for place in range(stop):
            if count == kept.shape[1]:
                break
            if rows[query, place] >= 0 and not excluded[query, place]:
                kept[query, count], values[query, count] = rows[query, place], scores[query, place]
                count += 1
        is_short[query] = count < kept.shape[1] and stop > 0 and rows[query, stop - 1] >= 0
        for place in range(count, kept.shape[1]):
            kept[query, place], values[query, place] = NO_ROW, -np.inf
