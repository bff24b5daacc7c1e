"""Pairs of a track and a known track that may tell what it is like, with what attention reads of each pair."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse

from crossfade.features.catalogue import UNKNOWN_DAY
from crossfade.features.interactions import Floats, Int64s
from crossfade.retrieval.content.known import Known
from crossfade.retrieval.contract import top_k
from crossfade.retrieval.sparse import Matrix, best_of_rows
from crossfade.schema.ids import Rows

TRACKS_PER_ARTIST: Final = 100  # an artist's most played known tracks
NEIGHBOURS: Final = 50
# Neighbours are looked for among so many known tracks, drawn by a fixed seed: a product with all would not end. The
# most played ones would do worse, since their tastes are everybody's.
POOL: Final = 5000
POOL_SEED: Final = 0
BLOCK: Final = 256
DAYS_PER_YEAR: Final = 365.25
SIGNALS: Final = ("likeness", "distance_in_years_log", "listens_log", "same_album", "same_artist")


@dataclass(frozen=True)
class Pairs:
    """Which known tracks speak for each of n tracks (a CSR layout).

    Args:
        offsets: [n + 1] int64; pairs of track i stand at offsets[i]:offsets[i + 1].
        places: [p] int64 places among the known tracks.
        signals: [p, 5] float32 in the order of `SIGNALS`.
    """

    offsets: Int64s
    places: Int64s
    signals: Floats


def artist_pairs(known: Known, tracks: Rows) -> Pairs:
    """Pair tracks [n] with the known tracks of their artists, guests included; nothing is paired with itself."""
    heard = _most_played(known)
    shared = (known.artists[tracks] @ heard.T).tocsr()
    return _pairs(known, tracks, shared)


def neighbour_pairs(known: Known, tracks: Rows) -> Pairs:
    """Pair tracks [n] with the 50 known tracks by other artists whose content is most alike."""
    pool = np.sort(np.random.default_rng(POOL_SEED).permutation(len(known.rows))[:POOL])
    others, blocks = known.rows[pool], range(0, len(tracks), BLOCK)
    found = [_nearest(known, tracks[i : i + BLOCK], others) for i in blocks]
    rows = np.concatenate(found) if found else np.empty((0, NEIGHBOURS), np.int32)
    owners, ranks = np.nonzero(rows >= 0)
    columns = pool[rows[owners, ranks]]
    entries, shape = (np.ones(len(columns)), (owners, columns)), (len(tracks), len(known.rows))
    return _pairs(known, tracks, scipy.sparse.csr_matrix(entries, shape))


def _nearest(known: Known, tracks: Rows, pool: Rows) -> Rows:
    scores, artists = known.likeness.among(tracks, pool), known.catalogue.artist_rows
    own = (artists[tracks, None] == artists[None, pool]) & (artists[tracks, None] >= 0)
    scores[own | (tracks[:, None] == pool) | (scores <= 0)] = -np.inf
    return top_k(scores, NEIGHBOURS)[0]


def _most_played(known: Known) -> Matrix:
    """Return sparse [m, num_all_artists] float32: by artist, the known tracks that are played most."""
    by_artist = known.artists[known.rows].T.tocsr()
    by_artist.data[:] = known.listens[by_artist.indices] + 1
    best = best_of_rows(by_artist, min(TRACKS_PER_ARTIST, len(known.rows)))
    best.data[:] = 1
    return best.T.tocsr()


def _pairs(known: Known, tracks: Rows, shared: Matrix) -> Pairs:
    shared.sort_indices()
    owners = np.repeat(np.arange(len(tracks)), np.diff(shared.indptr))
    others = known.rows[shared.indices]
    apart = tracks[owners] != others
    owners, places = owners[apart], shared.indices[apart].astype(np.int64)
    offsets = np.searchsorted(owners, np.arange(len(tracks) + 1)).astype(np.int64)
    return Pairs(offsets, places, _signals(known, tracks[owners], places))


def _signals(known: Known, tracks: Rows, places: Int64s) -> Floats:
    catalogue, others = known.catalogue, known.rows[places]
    days = catalogue.release_days.astype(np.float64)
    years = np.abs(days[tracks] - days[others]) / DAYS_PER_YEAR
    dated = (catalogue.release_days[tracks] != UNKNOWN_DAY) & (catalogue.release_days[others] != UNKNOWN_DAY)
    albums, artists = catalogue.album_rows, catalogue.artist_rows
    columns = [
        known.likeness.between(tracks, others),
        np.where(dated, np.log1p(years), 0),
        np.log1p(known.listens[places]),
        (albums[tracks] >= 0) & (albums[tracks] == albums[others]),
        (artists[tracks] >= 0) & (artists[tracks] == artists[others]),
    ]
    return np.stack(columns, axis=1).astype(np.float32)
