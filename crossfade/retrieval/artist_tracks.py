"""The artist source: what else there is by the artists that a listener plays, and by artists like them.

Its constants are the best compromise of a coarse grid over five validation periods of 30Music and one of the twin.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse

from crossfade.features.catalogue import UNKNOWN_DAY, Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.retrieval.contract import Ranking, Scores
from crossfade.retrieval.fading import Doubles, fading_listeners, fading_plays, latest_moment
from crossfade.retrieval.heard import Gone, Heard
from crossfade.retrieval.linked import Linked, Units
from crossfade.retrieval.neighbours import baskets, neighbours
from crossfade.retrieval.sparse import (
    Matrix,
    best_of_rows,
    history_matrix,
    load_about,
    load_matrix,
    matrix_of,
    save_about,
    save_matrix,
    top_of_product,
)
from crossfade.retrieval.sparse_rows import SparseRows, cleared
from crossfade.retrieval.telling import above_nothing
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows

HALF_LIFE_TRACKS: Final = 200.0
HALF_LIFE_DAYS: Final = 60.0
# A save counts as 5 listens, but an artist whose every track is saved is not 5 times as dear.
MAX_STRENGTH: Final = 2.0
# Powers that draw listens of an artist, and a track's share of its artist's listeners, together: neither the most played
# artist nor one with 500 tracks takes the whole list.
ARTIST_DAMPING: Final = 0.7
SHARE_DAMPING: Final = 0.5
TRACKS_PER_ARTIST: Final = 200  # of each artist, the most popular are reachable
RELATED_ARTISTS: Final = 30
RELATED_WEIGHT: Final = 0.3
SHRINKAGE: Final = 3.0
# A track that nobody heard yet counts as one listener, and up to two while it is new.
PRIOR_LISTENERS: Final = 1.0
NEW_HALF_LIFE_DAYS: Final = 90.0


class ArtistTracks:
    """Recommends tracks of the artists that a query played, and of related artists.

    After `fit` or `load`: sparse `tracks_` [num_artists, num_tracks] float32, row a holds a's tracks, those that its
    listeners most likely want first; sparse `related_` [num_artists, num_artists] float32, the likeness of artists.
    """

    name = c.ARTIST_TRACKS

    def fit(self, dataset: Dataset) -> Self:
        """Order each artist's tracks and find related artists."""
        catalogue, acts = dataset.catalogue, dataset.interactions
        self.artist_rows_, self.has_time_ = catalogue.artist_rows, dataset.split.has_time
        _, tracks, weights = fading_listeners(dataset)
        listeners = np.bincount(tracks, weights, len(catalogue)) + _prior(catalogue, latest_moment(dataset))
        self.tracks_ = _shares(self.artist_rows_, listeners, len(catalogue.artists))
        played = baskets(acts, self.artist_rows_[acts.track_rows], len(catalogue.artists))
        self.related_ = neighbours(played, RELATED_ARTISTS, SHRINKAGE)
        for made in ("_reach", "_shares_of_tracks"):  # of an earlier fit
            vars(self).pop(made, None)
        return self

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Score a track by its artist's damped weight times its damped share of the artist; see `Retriever`.

        A positive play weighs half as much 200 tracks or 60 days later; related artists get 0.3 of the weight that
        their likeness passes on.
        """
        return top_of_product(self.artist_weights(queries), self.tracks_, k)

    def recalled(self, heard: Heard, queries: Queries, rows: Rows) -> "RecalledArtists":
        """Say which artists lead to given tracks [n, k]; see `Recalling`."""
        artists = np.where(rows >= 0, self.artist_rows_[rows], np.int32(NO_ROW))
        stands, distinct = np.full(rows.shape, NO_ROW, np.int32), np.full(rows.shape, NO_ROW, np.int32)
        _stand_together(artists, cleared(self.tracks_.shape[0]), (stands, distinct))
        plays = heard.sums(self._fading(queries.positives))
        units = _units_of(heard, self.artist_rows_[heard.tracks], plays, self.tracks_.shape[0])
        shares = np.where(rows >= 0, self._shares_of_tracks[rows], np.float32(0))
        return RecalledArtists(Linked.of(units, self._reach, distinct), stands, shares)

    def artist_weights(self, queries: Queries) -> SparseRows:
        """Return how dear each artist is to each query, sparse [n, num_artists], related artists included."""
        return self.with_related(self._own_weights(queries))

    def _own_weights(self, queries: Queries) -> SparseRows:
        """Return how dear the artists in each history are, sparse [n, num_artists]."""
        liked = queries.positives
        weights = self._fading(liked)
        own = history_matrix(liked, self.artist_rows_[liked.track_rows], weights, self.tracks_.shape[0])
        np.power(own.data, ARTIST_DAMPING, out=own.data)
        return own

    def _fading(self, liked: Queries) -> Doubles:
        """Return [m] what each play says for its artist."""
        weights = fading_plays(liked, HALF_LIFE_TRACKS, HALF_LIFE_DAYS, has_time=self.has_time_)
        weights *= np.minimum(liked.strengths, MAX_STRENGTH)
        return weights

    def with_related(self, own: SparseRows) -> SparseRows:
        """Add to weights of artists, sparse [n, num_artists], what they pass on to related artists."""
        reached: SparseRows = own @ self._reach
        return reached

    @cached_property
    def _reach(self) -> Matrix:
        """Sparse [num_artists, num_artists]: what an artist's weight gives itself and its related artists."""
        own = scipy.sparse.identity(self.related_.shape[0], np.float32, format="csr")
        return (own + RELATED_WEIGHT * self.related_).astype(np.float32).tocsr()

    @cached_property
    def _shares_of_tracks(self) -> Scores:
        """[num_tracks] float32 of `tracks_`, each of which is its own artist's; 0 where it is not among the artist's best."""
        shares = np.zeros(self.tracks_.shape[1], np.float32)
        shares[self.tracks_.indices] = self.tracks_.data
        return shares

    def save(self, directory: Path) -> None:
        """Write `tracks.arrow`, `related.arrow` and `about.json`."""
        save_matrix(self.tracks_, directory / "tracks.arrow")
        save_matrix(self.related_, directory / "related.arrow")
        save_about(directory, has_time=self.has_time_)

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: A file is missing, not whole, or of another catalogue.
        """
        loaded = cls()
        loaded.artist_rows_, loaded.has_time_ = catalogue.artist_rows, load_about(directory)["has_time"]
        loaded.tracks_ = load_matrix(directory / "tracks.arrow", len(catalogue))
        loaded.related_ = load_matrix(directory / "related.arrow", len(catalogue.artists))
        return loaded


@dataclass(frozen=True)
class RecalledArtists:
    """What leads to k tracks of each of n queries by their artists.

    Args:
        linked: To the artists, each at the first track that is by it.
        stands: [n, k] int32, the first track by the same artist; -1 without.
        shares: [n, k] float32 of each track of its artist.
    """

    linked: Linked
    stands: Rows
    shares: Scores

    def without(self, gone: Gone, places: Rows) -> Scores:
        """Score some of the tracks again; see `Recalled`."""
        owners, known = gone.owners[:, None], places >= 0
        stands = np.where(known, self.stands[owners, places], np.int32(NO_ROW))
        return above_nothing(self.linked.sums_without(gone, stands) * self.shares[owners, places])


def _units_of(heard: Heard, artists: Rows, plays: Scores, num_artists: int) -> Units:
    """Gather heard tracks [p] by their artists [p], -1 unknown."""
    columns, of_heard = np.empty(len(artists), np.int32), np.empty(len(artists), np.int32)
    owned = _gather(heard.owned, artists, cleared(num_artists), (columns, of_heard))
    return Units(owned, columns[: owned[-1]], of_heard, plays, ARTIST_DAMPING)


@numba.njit(cache=True, nogil=True)
def _gather(owned, artists, seen, found):  # type: ignore[no-untyped-def]
    """Fill found (artists of units, unit of each track) and return offsets; seen [num_artists] is 0 before and after."""
    (columns, of_heard), count = found, 0
    offsets = np.zeros(len(owned), np.int64)
    for query in range(len(owned) - 1):
        for place in range(owned[query], owned[query + 1]):
            artist = artists[place]
            if artist >= 0 and seen[artist] == 0:
                columns[count] = artist
                count += 1
                seen[artist] = count
            of_heard[place] = seen[artist] - 1 if artist >= 0 else NO_ROW
        for unit in range(offsets[query], count):
            seen[columns[unit]] = 0
        offsets[query + 1] = count
    return offsets


@numba.njit(cache=True, nogil=True)
def _stand_together(artists, seen, found):  # type: ignore[no-untyped-def]
    """Fill found (first place of the same artist, artists at those places alone); seen [num_artists] is 0 before and after."""
    stands, distinct = found
    for query in range(artists.shape[0]):
        for place in range(artists.shape[1]):
            artist = artists[query, place]
            if artist >= 0:
                if seen[artist] == 0:
                    seen[artist], distinct[query, place] = place + 1, artist
                stands[query, place] = seen[artist] - 1
        for place in range(artists.shape[1]):
            if artists[query, place] >= 0:
                seen[artists[query, place]] = 0


def _prior(catalogue: Catalogue, now: int) -> npt.NDArray[np.float64]:
    """Return [num_tracks] how many listeners a track is taken to have besides the real ones."""
    ages = np.maximum(now // SECONDS_PER_DAY - catalogue.release_days.astype(np.int64), 0)
    news = np.where(catalogue.release_days == UNKNOWN_DAY, 0.0, 0.5 ** (ages / NEW_HALF_LIFE_DAYS))
    return np.asarray(PRIOR_LISTENERS * (1 + news))


def _shares(artist_rows: Rows, listeners: npt.NDArray[np.float64], num_artists: int) -> Matrix:
    """Return the damped share that each of an artist's top tracks has of the artist's listeners, sparse."""
    tracks = np.flatnonzero(artist_rows >= 0).astype(np.int32)
    artists = artist_rows[tracks]
    totals = np.bincount(artists, listeners[tracks], num_artists)
    order = np.argsort(artists, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(artists, minlength=num_artists))]).astype(np.int64)
    values = (listeners[tracks] / totals[artists]) ** SHARE_DAMPING
    all_tracks = matrix_of(values[order], tracks[order], offsets, len(artist_rows))
    return best_of_rows(all_tracks, min(TRACKS_PER_ARTIST, len(artist_rows)))
