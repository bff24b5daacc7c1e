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

SPACIOUS: Final = 4  # a table of tracks has so many places for each track, a power of two in all


def merged(rankings: Sequence[Ranking], num_candidates: int) -> Candidates:
    """Merge one ranking of each source: every source's best, then every source's second, each track once.

    Args:
        rankings: num_sources rankings [n, depth] of the same n queries, no track twice in one of them.
        num_candidates: Width of the result.
    """
    rows = np.stack([rows for rows, _ in rankings], axis=2)
    scores = np.stack([scores for _, scores in rankings], axis=2)
    chosen = np.full((len(rows), num_candidates), NO_ROW, np.int32)
    shape = (*chosen.shape, len(rankings))
    told, ranks = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    table = np.full(1 << int(SPACIOUS * num_candidates).bit_length(), NO_ROW, np.int32)
    _merge(rows, scores, (chosen, told, ranks), table)
    return Candidates(chosen, told, ranks)


@numba.njit(cache=True, nogil=True)
def _merge(rows, scores, merged_columns, table):  # type: ignore[no-untyped-def]
    """Fill candidates from rows and scores [n, depth, sources]; the table holds places by track, hashed."""
    chosen, told, ranks = merged_columns
    for query in range(len(rows)):
        count = 0
        table[:] = NO_ROW
        for rank in range(rows.shape[1]):
            for source in range(rows.shape[2]):
                track = rows[query, rank, source]
                if track < 0:
                    continue
                slot = _slot(track, chosen[query], table)
                if table[slot] < 0:
                    if count == chosen.shape[1]:
                        continue
                    table[slot], chosen[query, count] = count, track
                    count += 1
                told[query, table[slot], source] = scores[query, rank, source]
                ranks[query, table[slot], source] = rank


@numba.njit(cache=True, nogil=True)
def _slot(track, chosen, table):  # type: ignore[no-untyped-def]
    """Return where the track's place stands in the table, or where it would (linear probing)."""
    mask = len(table) - 1
    slot = (track * 40503) & mask
    while table[slot] >= 0 and chosen[table[slot]] != track:
        slot = (slot + 1) & mask
    return slot


def first_allowed(
    rows: Rows, scores: Floats, excluded: npt.NDArray[np.bool_], depth: int
) -> tuple[Rows, Floats, Rows]:
    """Return the first allowed tracks of rankings.

    Args:
        rows: [n, m] int32 best first, -1 padded.
        scores: [n, m] float32.
        excluded: [n, m] bool.
        depth: Most to return.

    Returns:
        Rows [n, depth] int32 and scores [n, depth] float32, padded with -1 and -inf, and [n] int32 how many of all m were
        allowed.
    """
    kept = np.full((len(rows), depth), NO_ROW, np.int32)
    values = np.full((len(rows), depth), -np.inf, np.float32)
    counts = np.zeros(len(rows), np.int32)
    _keep_allowed((rows, scores, excluded), (kept, values, counts))
    return kept, values, counts


@numba.njit(cache=True, nogil=True)
def _keep_allowed(rankings, kept_columns):  # type: ignore[no-untyped-def]
    (rows, scores, excluded), (kept, values, counts) = rankings, kept_columns
    for query in range(len(rows)):
        count = 0
        for place in range(rows.shape[1]):
            if rows[query, place] >= 0 and not excluded[query, place]:
                if count < kept.shape[1]:
                    kept[query, count], values[query, count] = rows[query, place], scores[query, place]
                count += 1
        counts[query] = count
