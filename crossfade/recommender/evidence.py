"""Which listen, artist or crowd moved a track to its place: the likely reason, for whole batches.

The choice reads the links that moved the track: neighbours in item-kNN, its artist in the history, likeness
of vectors. Whether a reason is true is decided by taking the evidence away (`reasons.verify`).
"""

from dataclasses import replace
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import UNKNOWN_DAY, Catalogue
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.features.pairs import Pairs
from crossfade.features.statistics import Statistics
from crossfade.recommender.slates import Slates
from crossfade.recommender.wording import ReasonKind
from crossfade.retrieval.item_knn import HALF_LIFE_TRACKS, ItemKnn
from crossfade.retrieval.sources import Sources
from crossfade.retrieval.sparse import history_matrix
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

NEW_DAYS: Final = 28  # so long a release is called new
LAST_TRACKS: Final = 50  # compared with a track by vectors
MIN_COSINE: Final = 0.5  # a listen less alike is not called a reason


def explain(
    slates: Slates, queries: Queries, *, catalogue: Catalogue, statistics: Statistics, sources: Sources
) -> Slates:
    """Give each place its likeliest reason.

    In order of preference: the artist, for a track of an artist in the history (as a new release, if it is
    one); the listen that item-kNN or vectors tie the track to; popularity, for what popularity ranked best
    and for listeners without history; else the whole history.

    Args:
        slates: n slates without reasons.
        queries: Their n queries.
        catalogue: The tracks.
        statistics: Of the bundle.
        sources: Of the bundle.
    """
    rows, liked = np.maximum(slates.rows, 0), queries.positives
    if not len(catalogue):
        return slates
    artists, listens = catalogue.artist_rows[rows], _tied_listens(liked, slates.rows, sources)
    by_artist = _in_history(liked, artists, catalogue)
    is_new = by_artist & _is_new(queries, catalogue.release_days[rows])
    is_crowd = (slates.sources == c.RETRIEVAL_SOURCES.index(c.POPULAR)) | (np.diff(liked.offsets) == 0)[
        :, None
    ]
    nowhere = np.full(rows.shape, NO_ROW, np.int32)
    cases = [
        (ReasonKind.NONE, slates.rows < 0, nowhere),
        (ReasonKind.NEW_RELEASE, is_new, artists),
        (ReasonKind.ARTIST, by_artist, artists),
        (ReasonKind.LISTENED_TRACK, listens >= 0, listens),
        (ReasonKind.POPULAR, is_crowd, _countries(queries, rows, statistics)),
    ]
    conditions = [condition for _, condition, _ in cases]
    kinds = np.select(
        conditions, [np.int8(kind) for kind, _, _ in cases], np.int8(ReasonKind.SIMILAR_LISTENERS)
    )
    return replace(
        slates,
        reason_kinds=kinds,
        reason_rows=np.select(conditions, [found for _, _, found in cases], nowhere),
    )


def _in_history(liked: Queries, artists: Rows, catalogue: Catalogue) -> Bools:
    """Tell which artists [n, k] a query played."""
    played = catalogue.artist_rows[liked.track_rows]
    known = played >= 0
    pairs = Pairs.of(liked.owners[known], played[known], max(len(catalogue.artists), 1))
    return np.asarray(pairs.places(artists) >= 0)


def _is_new(queries: Queries, release_days: Rows) -> Bools:
    ages = queries.as_of[:, None] // SECONDS_PER_DAY - release_days.astype(np.int64)
    return np.asarray((release_days != UNKNOWN_DAY) & (ages < NEW_DAYS))


def _countries(queries: Queries, rows: Rows, statistics: Statistics) -> Rows:
    """Return the query's country where it listens to the track more than others do, else -1, [n, k]."""
    countries = queries.country_rows[:, None]
    if not len(statistics.country_shares):
        return np.full(rows.shape, NO_ROW, np.int32)
    usual = np.where(countries >= 0, statistics.country_shares[countries], np.nan)
    return np.where(statistics.country_share(queries.country_rows, rows) > usual, countries, NO_ROW)


def _tied_listens(liked: Queries, rows: Rows, sources: Sources) -> Rows:
    """Return the listened track that each track [n, k] is tied to most, -1 where to none."""
    knn = sources.retrievers[c.ITEM_KNN]
    assert isinstance(knn, ItemKnn)
    links = knn.neighbours_
    weights = 0.5 ** (liked.places_from_end / HALF_LIFE_TRACKS)
    recent = history_matrix(liked, liked.track_rows, weights, links.shape[0])
    tied = _most_linked(
        recent.indptr, recent.indices, recent.data, links.indptr, links.indices, links.data, rows
    )
    return np.where(tied >= 0, tied, _most_alike(liked, rows, sources.track_vectors))


@numba.njit(cache=True, nogil=True)
def _most_linked(offsets, played, weights, link_offsets, linked, strengths, rows):  # type: ignore[no-untyped-def]
    found, best = np.full(rows.shape, -1, np.int32), np.zeros(rows.shape, np.float32)
    for query in range(len(rows)):
        order = np.argsort(rows[query])
        wanted = rows[query][order]
        for entry in range(offsets[query], offsets[query + 1]):
            for link in range(link_offsets[played[entry]], link_offsets[played[entry] + 1]):
                place = np.searchsorted(wanted, linked[link])
                if place < len(wanted) and wanted[place] == linked[link]:
                    gain = weights[entry] * strengths[link]
                    if gain > best[query, order[place]]:
                        found[query, order[place]], best[query, order[place]] = played[entry], gain
    return found


def _most_alike(liked: Queries, rows: Rows, vectors: Floats) -> Rows:
    """Return the recent listen whose vector is most like each track's, -1 where none is alike enough."""
    last = liked.last_tracks(LAST_TRACKS)
    # Contiguous, since NumPy multiplies stacks of transposed views without BLAS, several times slower.
    history = np.ascontiguousarray(vectors[np.maximum(last, 0)].transpose(0, 2, 1))
    cosines = vectors[np.maximum(rows, 0)] @ history
    cosines = np.where((last >= 0)[:, None, :], cosines, -1)
    nearest = cosines.argmax(axis=2)
    found = np.take_along_axis(last, nearest, axis=1)
    return np.where(cosines.max(axis=2) >= MIN_COSINE, found, NO_ROW)
