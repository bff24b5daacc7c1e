"""What serving systems are known to fall over: indexes that find nothing, features that are missing, strangers."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

from crossfade.features.candidates import Candidates
from crossfade.recommender.answers import answer
from crossfade.recommender.asking import Ask
from crossfade.recommender.recommend import Recommender
from crossfade.retrieval.contract import Ranking
from crossfade.schema import columns as c
from crossfade.schema.tables import Surface


def asked(recommender: Recommender, surface: Surface, k: int = 10) -> list[list[str]]:
    asks = [Ask(surface=surface, user_id=user) for user in ("u00", "u01", "nobody", None)]
    answers, _ = answer(recommender, asks, k, with_reasons=False)
    assert all(np.isfinite(track.score) for found in answers for track in found.tracks)
    return [[track.track_id for track in found.tracks] for found in answers]


def nothing(queries: object, k: int) -> Ranking:
    """What an index says that found nothing."""
    n = len(queries)  # type: ignore[arg-type]
    return np.full((n, k), -1, np.int32), np.full((n, k), -np.inf, np.float32)


@pytest.mark.parametrize("surface", list(Surface))
def test_a_source_that_finds_nothing_leaves_the_slate_to_the_others(
    recommender: Recommender, surface: Surface
) -> None:
    for name, retriever in recommender.sources.retrievers.items():
        with patch.object(type(retriever), "recommend", lambda _, queries, k: nothing(queries, k)):
            slates = asked(recommender, surface)
        # New releases come by artists that a listener knows, so that strangers have none.
        answered = slates[:2] if surface == Surface.RELEASE_RADAR or name == c.POPULAR else slates
        assert all(answered), name


def test_when_no_source_finds_anything_the_slates_are_empty(recommender: Recommender) -> None:
    with patch.object(type(recommender.sources), "retrieve", autospec=True) as retrieve:
        width = 5
        shape = (4, width, len(recommender.ranker.task.sources))
        missing = np.full(shape, np.nan, np.float32)
        retrieve.return_value = Candidates(np.full(shape[:2], -1, np.int32), missing, missing.copy())
        assert asked(recommender, Surface.HOME) == [[], [], [], []]


def test_tracks_of_which_nothing_is_known_are_ranked_all_the_same(recommender: Recommender) -> None:
    known = recommender.statistics
    unknown = {
        name: np.full_like(getattr(known, name), np.nan)
        for name in (
            "track_listens_7d",
            "track_skip_rate",
            "track_save_rate",
            "artist_listens",
            "artist_tracks",
        )
    }
    bare = replace(recommender, statistics=replace(known, **unknown))
    for surface in (Surface.DISCOVER_WEEKLY, Surface.RADIO):
        assert all(map(len, asked(bare, surface)))


@pytest.mark.parametrize("k", [1, 79, 200])
def test_more_tracks_than_there_are_make_a_short_slate_without_gaps(recommender: Recommender, k: int) -> None:
    for slate in asked(recommender, Surface.DISCOVER_WEEKLY, k):
        assert len(slate) <= min(k, len(recommender.catalogue))
        assert len(set(slate)) == len(slate)
        assert slate
