"""Which listen, artist or crowd moved a track to its place: the likely reason, for whole batches.

The choice reads the links that moved the track: its artist in the history, neighbours in item-kNN. Whether a reason
is true is decided by taking the evidence away (`reasons.verified`).
"""

from dataclasses import replace
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import UNKNOWN_DAY, Catalogue
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.features.pairs import Pairs
from crossfade.features.statistics import Statistics
from crossfade.recommender.slates import Slates
from crossfade.recommender.wording import ReasonKind
from crossfade.retrieval.fading import HALF_LIFE_TRACKS
from crossfade.retrieval.heard import Heard
from crossfade.retrieval.item_knn import ItemKnn
from crossfade.retrieval.linked import Linked, Units
from crossfade.retrieval.retelling import Retelling
from crossfade.retrieval.sources import Sources
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows

Bools = npt.NDArray[np.bool_]

NEW_DAYS: Final = 28  # so long a release is called new
# A listen that adds less than half of a track's item-kNN score is a true reason in one case of three only; likeness
# of vectors is no better than a coin (30Music).
MIN_SHARE: Final = 0.5


def explain(
    slates: Slates,
    queries: Queries,
    *,
    catalogue: Catalogue,
    statistics: Statistics,
    sources: Sources,
    asked: Retelling | None = None,
) -> Slates:
    """Give each place its likeliest reason.

    In order of preference: the artist, for a track of an artist in the history (as a new release, if it is
    one); the listen that brought it up in item-kNN; popularity, for what popularity ranked best and for listeners
    without history; else the whole history.

    Args:
        slates: n slates without reasons.
        queries: Their n queries.
        catalogue: The tracks.
        statistics: Of the bundle.
        sources: Of the bundle.
        asked: The sources, where the caller has them ready to be asked about the slates' tracks.
    """
    rows, liked = np.maximum(slates.rows, 0), queries.positives
    if not len(catalogue):
        return slates
    artists, listens = catalogue.artist_rows[rows], _tied_listens(queries, slates.rows, sources, asked)
    by_artist = _in_history(liked, artists, catalogue)
    is_new = by_artist & _is_new(queries, catalogue.release_days[rows])
    is_stranger = (np.diff(liked.offsets) == 0)[:, None]
    is_crowd = is_stranger | (slates.sources == c.RETRIEVAL_SOURCES.index(c.POPULAR))
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


def _tied_listens(queries: Queries, rows: Rows, sources: Sources, asked: Retelling | None) -> Rows:
    """Return the listened track that brings up most of each track [n, k] in item-kNN, -1 where none does."""
    knn = sources.retrievers[c.ITEM_KNN]
    assert isinstance(knn, ItemKnn)
    heard = Heard.of(queries) if asked is None else asked.heard
    weights = heard.sums(0.5 ** (queries.positives.places_from_end / HALF_LIFE_TRACKS))
    if asked is None:
        linked = Linked.of(Units.of_tracks(heard, weights), knn.neighbours_, rows)
    else:
        linked = cast("Linked", asked.recalled[c.ITEM_KNN])
    found, strongest, total = linked.strongest(weights)
    return np.where(strongest >= MIN_SHARE * total, found, NO_ROW)
