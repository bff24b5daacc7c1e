"""Kinds of artists that a policy may give a share of the slate: new to the listener, and small."""

from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Queries
from crossfade.features.pairs import Pairs
from crossfade.schema.ids import NO_ROW, Rows

# Artists are small beyond the most heard ones that together gather this share of all listens.
LARGE_LISTEN_SHARE: Final = 0.8


def artist_kinds(
    queries: Queries, rows: Rows, artist_rows: Rows, is_small: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int8]:
    """Tell which candidates are by artists whom the listener never played, and by small artists.

    Args:
        queries: n listeners with their histories, skips included.
        rows: [n, c] int32 candidates, -1 padded.
        artist_rows: [num_tracks] int32, -1 unknown.
        is_small: [num_artists] bool.

    Returns:
        [n, c, 2] int8: 1 for new and for small, 0 for not, -1 where the artist is unknown.
    """
    kinds = np.full((*rows.shape, 2), -1, np.int8)
    if not len(artist_rows):
        return kinds
    artists = np.where(rows >= 0, artist_rows[rows], NO_ROW).astype(np.int32)
    played = artist_rows[queries.track_rows]
    known = played >= 0
    pairs = Pairs.of(queries.owners[known], played[known], max(len(is_small), 1))
    named = artists >= 0
    kinds[..., 0] = np.where(named, pairs.places(artists) < 0, -1)
    if len(is_small):
        kinds[..., 1] = np.where(named, is_small[artists], -1)
    return kinds


def small_artists(artist_listens: Floats) -> npt.NDArray[np.bool_]:
    """Return [num_artists] bool: not among the fewest artists that together gather four fifths of all listens."""
    order = np.argsort(-artist_listens, kind="stable")
    gathered = np.cumsum(artist_listens[order], dtype=np.float64)
    is_small = np.ones(len(artist_listens), np.bool_)
    if len(gathered) and gathered[-1]:
        is_small[order[: np.searchsorted(gathered, LARGE_LISTEN_SHARE * gathered[-1]) + 1]] = False
    return is_small
