"""Tracks of artists whom a listener follows or plays before all others: the strict order of new releases."""

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Queries
from crossfade.features.pairs import Pairs
from crossfade.reranking.rerank import best_first
from crossfade.schema.ids import Rows


def known_first(rows: Rows, scores: Floats, queries: Queries, artist_rows: Rows) -> Floats:
    """Return scores that rank tracks of known artists first, and each kind as the ranker ranks it.

    Args:
        rows: [n, c] int32 candidates, -1 padded.
        scores: [n, c] float32 ranker's scores.
        queries: The n listeners; who is followed, or was played and not skipped, is known.
        artist_rows: [num_tracks] int32, -1 unknown, whom nobody knows.

    Returns:
        [n, c] float32 whole numbers, the best candidate's the highest; -inf where padded.
    """
    if not rows.size or not len(artist_rows):
        return scores
    is_known = _is_known(np.where(rows >= 0, artist_rows[rows], -1), queries, artist_rows)
    order = best_first(rows, scores)
    # A stable sort keeps the ranker's order within each kind.
    strict = np.argsort(~np.take_along_axis(is_known, order, axis=1), axis=1, kind="stable")
    ranks = np.empty(rows.shape, np.int64)
    np.put_along_axis(
        ranks, np.take_along_axis(order, strict, axis=1), np.arange(rows.shape[1])[None], axis=1
    )
    return np.where(rows >= 0, -ranks, -np.inf).astype(np.float32)


def _is_known(artists: Rows, queries: Queries, artist_rows: Rows) -> npt.NDArray[np.bool_]:
    """Tell which artists [n, c] each query follows or has played; -1 is nobody's."""
    liked = queries.positives
    played = artist_rows[liked.track_rows]
    owners, known = liked.owners[played >= 0], played[played >= 0]
    if queries.followed is not None:
        following, places = np.nonzero(queries.followed >= 0)
        owners = np.concatenate([owners, following])
        known = np.concatenate([known, queries.followed[following, places]])
    pairs = Pairs.of(owners, known, int(artist_rows.max(initial=0)) + 1)
    return np.asarray(pairs.places(artists) >= 0)
