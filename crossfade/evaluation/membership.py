"""Which entries of padded track lists stand in each query's own set of tracks, for all queries at once."""

import numpy as np

from crossfade.features.interactions import Int64s, Queries
from crossfade.retrieval.contract import Ranking, Scores
from crossfade.schema.ids import NO_ROW, Rows


def locate(offsets: Int64s, members: Rows, rows: Rows) -> Int64s:
    """Find each track of n padded lists among the members of its own list's set.

    Args:
        offsets: [n + 1] int64, set i is `members[offsets[i]:offsets[i + 1]]`.
        members: [m] int32, in any order, -1 is nothing; of equal members one is found.
        rows: [n, k] int32, padded with -1.

    Returns:
        [n, k] int64 positions in `members`, -1 where the track is padding or not in the set.
    """
    if not len(members) or not rows.size:
        return np.full(rows.shape, NO_ROW, np.int64)
    width = (
        max(int(members.max()), int(rows.max())) + 2
    )  # one more than tracks, so that -1 stays within its own set
    owners = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    keys = owners * width + members + 1
    order = np.argsort(keys, kind="stable")
    wanted = np.arange(len(rows))[:, None] * width + rows + 1
    places = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    found = (keys[order][places] == wanted) & (rows >= 0)
    return np.where(found, order[places], NO_ROW)


def mask_heard(rows: Rows, scores: Scores, queries: Queries, k: int) -> Ranking:
    """Drop the tracks of each query's history and keep the first k of what is left.

    Args:
        rows: [n, fetched] int32 best first, padded with -1.
        scores: [n, fetched] float32.
        queries: Their histories say what was heard.
        k: Length of the lists returned.

    Returns:
        rows [n, k] int32 and scores [n, k] float32 in the same order, padded with -1 and -inf.
    """
    kept = (rows >= 0) & (locate(queries.offsets, queries.track_rows, rows) < 0)
    order = np.argsort(~kept, axis=1, kind="stable")[:, :k]
    kept = np.take_along_axis(kept, order, axis=1)
    missing = ((0, 0), (0, k - order.shape[1]))
    left = np.where(kept, np.take_along_axis(rows, order, axis=1), NO_ROW).astype(np.int32)
    left_scores = np.where(kept, np.take_along_axis(scores, order, axis=1), -np.inf).astype(np.float32)
    return np.pad(left, missing, constant_values=NO_ROW), np.pad(
        left_scores, missing, constant_values=-np.inf
    )


def num_heard(queries: Queries) -> int:
    """Return the longest history's length: fetching this many more than k leaves k after `mask_heard`."""
    return int(np.diff(queries.offsets).max(initial=0))
