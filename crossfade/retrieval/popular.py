"""The popular source: what many want now, here and in a listener's genres; it answers unknown users too."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numba
import numpy as np
import scipy.sparse

from crossfade.features.affinities import typicality
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking, Scores
from crossfade.retrieval.fading import Doubles, fading_listeners, fading_places
from crossfade.retrieval.heard import RESIDUE, Gone, Heard
from crossfade.retrieval.sparse import (
    Matrix,
    best_of_rows,
    load_about,
    load_matrix,
    save_about,
    save_matrix,
)
from crossfade.retrieval.sparse_rows import SparseRows, cleared
from crossfade.retrieval.strong_lists import RankedLists
from crossfade.retrieval.telling import above_nothing
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows

# Weights of the three kinds of lists; recall on 30Music is flat around them.
GLOBAL_WEIGHT: Final = 0.1
COUNTRY_WEIGHT: Final = 0.3
GENRE_WEIGHT: Final = 1.0
HALF_LIFE_TRACKS: Final = 50.0
TRACKS_PER_LIST: Final = 2000
# A country needs about so many listeners before its own list counts.
COUNTRY_PRIOR: Final = 100.0


class Popular:
    """Recommends what is popular with everybody, in the query's country and in the genres of its history.

    After `fit` or `load`, the sparse `lists_` [1 + num_countries + num_genres, num_tracks] float32 hold each list's
    2,000 most popular tracks: everybody's, each country's, each genre's.
    """

    name = c.POPULAR

    def fit(self, dataset: Dataset) -> Self:
        """Count fading listeners for everybody, by country and by genre."""
        users, tracks, weights = fading_listeners(dataset)
        catalogue, num_countries = dataset.catalogue, len(dataset.users.countries)
        self.genre_rows_, self.num_genres_ = catalogue.genre_rows, len(catalogue.genres)
        self.has_time_ = dataset.split.has_time
        everybody = np.bincount(tracks, weights, len(catalogue)) / max(weights.sum(), 1.0)
        lists = [
            scipy.sparse.csr_matrix(everybody.astype(np.float32)[None]),
            _by_country(dataset.users.country_rows[users], tracks, weights, (num_countries, len(catalogue))),
            _by_genre(self.genre_rows_, everybody, self.num_genres_),
        ]
        everything = scipy.sparse.vstack(lists, format="csr")
        self.lists_ = best_of_rows(everything, min(TRACKS_PER_LIST, len(catalogue)))
        for made in ("_ranked_lists", "_lists_of_tracks"):  # of an earlier fit
            vars(self).pop(made, None)
        return self

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Weigh the lists of each query and add them up; see `Retriever`."""
        return self._ranked_lists.top(self._weights(queries), k)

    def recalled(self, heard: Heard, queries: Queries, rows: Rows) -> "RecalledLists":
        """Say what heard tracks do for the lists that given tracks [n, k] stand in; see `Recalling`."""
        liked = queries.positives
        fading = fading_places(liked, HALF_LIFE_TRACKS, has_time=self.has_time_)
        weights = heard.sums(fading[liked.places_from_end])
        lists = self._lists_of_tracks
        return RecalledLists(
            heard, weights, (self.genre_rows_, lists.shape[1] - self.num_genres_), lists, rows
        )

    @cached_property
    def _lists_of_tracks(self) -> Matrix:
        """Sparse [num_tracks, num_lists]: `lists_` by track."""
        return self.lists_.T.tocsr()

    @cached_property
    def _ranked_lists(self) -> RankedLists:
        """`lists_`, of which those of genres are narrow: a listener's history touches many and lives in a few."""
        num_broad = self.lists_.shape[0] - self.num_genres_
        return RankedLists.of(self.lists_, num_broad)

    def _weights(self, queries: Queries) -> SparseRows:
        """Return how much each list counts, sparse [n, num_lists]."""
        liked, num_lists = queries.positives, self.lists_.shape[0]
        most = 2 * len(queries) + len(liked.track_rows) * self.genre_rows_.shape[1]
        found = np.empty(most, np.int32), np.empty(most, np.float32)
        fading = fading_places(liked, HALF_LIFE_TRACKS, has_time=self.has_time_)
        of_genres = (fading[:, None] / (1 + np.arange(self.genre_rows_.shape[1]))).astype(np.float32)
        histories = (liked.offsets, liked.track_rows, queries.country_rows)
        genres = (self.genre_rows_, num_lists - self.num_genres_)
        offsets = _weigh(histories, genres, of_genres, found, cleared(num_lists).view(np.float32))
        return SparseRows(offsets, found[0][: offsets[-1]], found[1][: offsets[-1]], num_lists)

    def save(self, directory: Path) -> None:
        """Write `lists.arrow` and `about.json`."""
        save_matrix(self.lists_, directory / "lists.arrow")
        save_about(directory, has_time=self.has_time_)

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: A file is missing, not whole, or of another catalogue.
        """
        loaded = cls()
        loaded.genre_rows_, loaded.num_genres_ = catalogue.genre_rows, len(catalogue.genres)
        loaded.has_time_ = load_about(directory)["has_time"]
        loaded.lists_ = load_matrix(directory / "lists.arrow", len(catalogue))
        return loaded


@dataclass(frozen=True)
class RecalledLists:
    """What histories do for the lists that k tracks of each of n queries stand in.

    Args:
        heard: The histories.
        weights: [p] float32 of the heard tracks.
        genres: [num_tracks, g] int32, -1 padded, and the list of the first genre.
        lists: Sparse [num_tracks, num_lists], the lists by track.
        rows: [n, k] int32 the tracks, -1 padded.
    """

    heard: Heard
    weights: Scores
    genres: tuple[Rows, int]
    lists: Matrix
    rows: Rows

    def without(self, gone: Gone, places: Rows) -> Scores:
        """Score some of the tracks again; see `Recalled`."""
        told = np.zeros(places.shape, np.float32)
        heard = (self.heard.owned, self.heard.tracks, self.weights)
        lists = (self.lists.indptr, self.lists.indices, self.lists.data)
        masses = np.zeros(self.lists.shape[1]), np.zeros(self.lists.shape[1])
        _sum_without(
            gone.columns, (heard, self.genres), lists, masses, (self.rows, gone.country_rows, places, told)
        )
        return above_nothing(told)


@numba.njit(cache=True, nogil=True)
def _sum_without(gone, histories, lists, masses, wanted):  # type: ignore[no-untyped-def]
    """Fill told [m, w]; masses are two of genres, by list: of an owner's whole history, and of what is left of it."""
    (owners, ends, lost), (heard, genres), (whole, left) = gone, histories, masses
    (rows, countries, places, told), known, total = wanted, np.int64(NO_ROW), 0.0
    (owned, tracks, weights), (genre_rows, first_genre), (offsets, of_lists, values) = heard, genres, lists
    for claim in range(len(owners)):
        if owners[claim] != known:  # claims of one owner mostly stand together
            whole[:], known, total = 0, owners[claim], 0.0
            for place in range(owned[known], owned[known + 1]):
                total += _add_genres(tracks[place], weights[place], genres, whole)
            left[:] = whole
        rest = total
        for i in range(ends[claim], ends[claim + 1]):
            rest += _add_genres(tracks[lost[i]], -weights[lost[i]], genres, left)
        scale = GENRE_WEIGHT / rest if rest > RESIDUE * total else 0.0
        for slot in range(places.shape[1]):
            row = rows[known, places[claim, slot]] if places[claim, slot] >= 0 else NO_ROW
            for entry in range(offsets[row] if row >= 0 else 0, offsets[row + 1] if row >= 0 else 0):
                number = of_lists[entry]
                weight = left[number] * scale
                if number < first_genre:
                    weight = COUNTRY_WEIGHT if number == countries[claim] + 1 else 0.0
                    weight = GLOBAL_WEIGHT if number == 0 else weight
                told[claim, slot] += np.float32(weight) * values[entry]
        for i in range(ends[claim], ends[claim + 1]):
            for g in range(genre_rows.shape[1]):
                genre = genre_rows[tracks[lost[i]], g] + first_genre
                if genre >= first_genre:
                    left[genre] = whole[genre]


@numba.njit(cache=True, nogil=True)
def _add_genres(track, weight, genres, mass):  # type: ignore[no-untyped-def]
    """Add a track's weight to its genres as in `typicality`; returns what was added in all."""
    (genre_rows, first_genre), added = genres, 0.0
    for i in range(genre_rows.shape[1]):
        if genre_rows[track, i] >= 0:
            share = weight / (1.0 + i)
            mass[genre_rows[track, i] + first_genre] += share
            added += share
    return added


@numba.njit(cache=True, nogil=True)
def _weigh(histories, genres, fading, found, mass):  # type: ignore[no-untyped-def]
    """Fill found (lists, weights): everybody's list, the country's, and those of the genres by their share of the plays.

    A play counts for its track's genres as in `typicality`: fading [longest, g] float32 by its place from the end and by the
    genre's; mass [num_lists] float32 is 0 before and after.
    """
    (offsets, tracks, country_rows), (genre_rows, first_genre), (lists, weights) = histories, genres, found
    new_offsets, count = np.zeros(len(offsets), np.int64), 0
    for query in range(len(offsets) - 1):
        lists[count], weights[count] = 0, GLOBAL_WEIGHT
        count += 1
        if country_rows[query] >= 0:
            lists[count], weights[count] = country_rows[query] + 1, COUNTRY_WEIGHT
            count += 1
        first, total = count, 0.0
        for entry in range(offsets[query], offsets[query + 1]):
            track, from_end = tracks[entry], offsets[query + 1] - 1 - entry
            for i in range(genre_rows.shape[1]):
                genre = genre_rows[track, i] + first_genre
                if genre < first_genre:
                    continue
                before, added = mass[genre], fading[from_end, i]
                if before == 0 and added > 0:  # what is long past weighs nothing, and is no second entry
                    lists[count] = genre
                    count += 1
                mass[genre] = before + added
        for place in range(first, count):
            weights[place] = mass[lists[place]]
            total += weights[place]
            mass[lists[place]] = 0
        for place in range(first, count):
            weights[place] *= GENRE_WEIGHT / total
        new_offsets[query + 1] = count
    return new_offsets


def _by_country(countries: Rows, tracks: Rows, weights: Doubles, shape: tuple[int, int]) -> Matrix:
    """Return each country's share of listeners by track, sparse, drawn to 0 where a country has few."""
    known = countries >= 0
    totals = np.bincount(countries[known], weights[known], shape[0]) + COUNTRY_PRIOR
    shares = (weights[known] / totals[countries[known]]).astype(np.float32)
    return scipy.sparse.csr_matrix((shares, (countries[known], tracks[known])), shape)


def _by_genre(genre_rows: Rows, everybody: Doubles, num_genres: int) -> Matrix:
    """Return each genre's tracks, sparse: share of all listeners times how typical the genre is of the track."""
    tracks, places = np.nonzero((genre_rows >= 0) & (everybody > 0)[:, None])
    shares = everybody[tracks] * typicality(genre_rows)[tracks, places]
    shape = (num_genres, len(genre_rows))
    return scipy.sparse.csr_matrix((shares.astype(np.float32), (genre_rows[tracks, places], tracks)), shape)
