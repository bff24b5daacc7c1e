"""The likely reason of each place follows from how the track hangs together with the history."""

from dataclasses import replace

import numpy as np
import pytest

from crossfade.features.interactions import Queries
from crossfade.recommender.evidence import explain
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.slates import Slates
from crossfade.recommender.wording import ReasonKind
from crossfade.retrieval.item_knn import ItemKnn
from crossfade.retrieval.sparse import matrix_of
from crossfade.schema import columns as c

POPULAR = c.RETRIEVAL_SOURCES.index(c.POPULAR)


def rows(recommender: Recommender, *names: str) -> np.ndarray:
    return recommender.catalogue.tracks.rows(list(names))


def history(
    recommender: Recommender, *names: str, skipped: tuple[str, ...] = (), country: int = -1
) -> Queries:
    """One stranger's query who played some tracks, oldest first, and skipped others before."""
    tracks = rows(recommender, *skipped, *names)
    base = recommender.dataset.queries(np.array([-1], np.int32), recommender.as_of)
    strengths = np.array([-1.0] * len(skipped) + [1.0] * len(names), np.float32)
    seconds = recommender.as_of - np.arange(len(tracks), 0, -1) * 60
    return replace(
        base,
        offsets=np.array([0, len(tracks)]),
        track_rows=tracks,
        seconds=seconds,
        strengths=strengths,
        sessions=np.zeros(len(tracks), np.int32),
        country_rows=np.array([country], np.int32),
    )


def reasons(
    recommender: Recommender, queries: Queries, *names: str, source: int = 0
) -> list[tuple[ReasonKind, int]]:
    slate = rows(recommender, *names)[None]
    slates = Slates.unexplained(
        slate, np.ones(slate.shape, np.float32), np.full(slate.shape, source, np.int8)
    )
    parts = (recommender.catalogue, recommender.statistics, recommender.sources)
    told = explain(slates, queries, catalogue=parts[0], statistics=parts[1], sources=parts[2])
    return list(
        zip(map(ReasonKind, told.reason_kinds[0].tolist()), told.reason_rows[0].tolist(), strict=True)
    )


@pytest.fixture
def linked(recommender: Recommender) -> Recommender:
    """The recommender with planted neighbours (r00 -> j01 weakly, r06 -> j01 strongly)."""
    knn = ItemKnn(2)
    size = len(recommender.catalogue)
    r00, r06, j01 = rows(recommender, "r00", "r06", "j01")
    offsets = np.zeros(size + 1, np.int64)
    offsets[r00 + 1 :] += 1
    offsets[r06 + 1 :] += 1
    knn.neighbours_ = matrix_of(np.array([0.3, 0.9]), np.array([j01, j01]), offsets, size)
    sources = type(recommender.sources)(
        {**recommender.sources.retrievers, c.ITEM_KNN: knn}, recommender.catalogue
    )
    return replace(recommender, sources=sources)


def test_a_known_artist_is_the_reason_and_a_new_release_says_so(recommender: Recommender) -> None:
    # r00 and r05 are by ra; the world is at day 18, r00 came out on day -25 and r30 on day 5.
    artist = int(recommender.catalogue.artist_rows[rows(recommender, "r00")[0]])
    told = reasons(recommender, history(recommender, "r05"), "r00", "r30")
    assert told == [(ReasonKind.ARTIST, artist), (ReasonKind.NEW_RELEASE, artist)]


def test_a_skip_is_no_reason(recommender: Recommender) -> None:
    assert reasons(recommender, history(recommender, skipped=("r05",)), "r00")[0][0] == ReasonKind.POPULAR


def test_the_strongest_neighbour_is_the_reason_for_other_artists(linked: Recommender) -> None:
    r00, r06 = rows(linked, "r00", "r06").tolist()
    assert reasons(linked, history(linked, "r00", "r06"), "j01") == [(ReasonKind.LISTENED_TRACK, r06)]
    assert reasons(linked, history(linked, "r00"), "j01") == [(ReasonKind.LISTENED_TRACK, r00)]
    # Equal parts: each adds less than half.
    many = ItemKnn(3)
    size = len(linked.catalogue)
    offsets = np.minimum(np.arange(size + 1), 80)  # every track is linked to j01
    j01 = int(rows(linked, "j01")[0])
    many.neighbours_ = matrix_of(np.full(80, 0.5), np.full(80, j01), offsets, size)
    sources = type(linked.sources)({**linked.sources.retrievers, c.ITEM_KNN: many}, linked.catalogue)
    spread = replace(linked, sources=sources)
    told = reasons(spread, history(spread, "r00", "r06", "r12"), "j01")
    assert told == [(ReasonKind.SIMILAR_LISTENERS, -1)]


def test_a_stranger_is_told_of_popularity_in_the_country_that_favours_the_track(
    recommender: Recommender,
) -> None:
    country = int(recommender.dataset.users.countries.rows(["SE"])[0])
    statistics = recommender.statistics
    heard_most = int(
        np.argmax(np.where(np.arange(80) >= 40, statistics.track_listens, 0))
    )  # rock, heard in SE
    name = str(recommender.catalogue.tracks.names(np.array([heard_most], np.int32))[0])
    swede = history(recommender, country=country)
    assert reasons(recommender, swede, name, "j00") == [
        (ReasonKind.POPULAR, country),
        (ReasonKind.POPULAR, -1),
    ]
    assert reasons(recommender, history(recommender), name) == [(ReasonKind.POPULAR, -1)]


def test_what_hangs_on_no_single_listen_is_told_of_the_crowd(linked: Recommender) -> None:
    told = reasons(linked, history(linked, "r00"), "j03")
    assert told == [(ReasonKind.SIMILAR_LISTENERS, -1)]
    assert reasons(linked, history(linked, "r00"), "j03", source=POPULAR) == [(ReasonKind.POPULAR, -1)]


def test_empty_places_have_no_reason(recommender: Recommender) -> None:
    queries = history(recommender, "r05")
    slate = np.array([[-1]], np.int32)
    slates = Slates.unexplained(slate, np.full((1, 1), -np.inf, np.float32), slate.astype(np.int8))
    told = explain(
        slates,
        queries,
        catalogue=recommender.catalogue,
        statistics=recommender.statistics,
        sources=recommender.sources,
    )
    assert (told.reason_kinds[0, 0], told.reason_rows[0, 0]) == (0, -1)
