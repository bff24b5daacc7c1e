"""A reason holds where its track falls behind rivals that stand as they stood; both outcomes, and against verification."""

from dataclasses import replace

import numpy as np
import pytest

from crossfade.recommender import rescoring as rescoring_module
from crossfade.recommender.ranked import Ranked
from crossfade.recommender.reasons import verified, verify
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.recommender.rescoring import Rescoring, falls, rescored
from crossfade.recommender.slates import Slates
from crossfade.recommender.standing import Standing
from crossfade.recommender.wording import ReasonKind
from crossfade.schema.tables import Surface
from tests.recommender import world
from tests.recommender.test_reasons import reasoned

USERS = np.arange(0, world.NUM_USERS, dtype=np.int32)


@pytest.fixture(scope="module")
def asked(recommender: Recommender) -> tuple[Requests, Ranked, Slates]:
    requests = Requests.of_users(recommender.dataset, USERS, recommender.as_of, Surface.DISCOVER_WEEKLY, 8)
    ranked = recommender.rank(requests, recommender.exclusions(requests))
    return requests, ranked, recommender.explain(requests, recommender.rerank(requests, ranked))


def rescoring_of(recommender: Recommender, requests: Requests, ranked: Ranked, slates: Slates) -> Rescoring:
    sources = recommender.retelling(requests, slates)
    return Rescoring(recommender, requests, Standing.of(ranked, slates), sources)


def test_listens_that_never_were_are_no_reason(
    recommender: Recommender, asked: tuple[Requests, Ranked, Slates]
) -> None:
    requests, ranked, slates = asked
    rescoring = rescoring_of(recommender, requests, ranked, slates)
    rockers = USERS % 2 == 0
    jazz = int(recommender.catalogue.tracks.rows(["j00"])[0])
    artist = int(recommender.catalogue.artist_rows[jazz])
    for kind, row in ((ReasonKind.LISTENED_TRACK, jazz), (ReasonKind.ARTIST, artist)):
        (holds,) = falls(rescoring, [reasoned(slates, kind, row)])
        assert not holds[rockers].any()
        assert holds[~rockers].any()


def test_likely_reasons_are_the_same_by_links_that_are_there_already(
    recommender: Recommender, asked: tuple[Requests, Ranked, Slates]
) -> None:
    requests, _, slates = asked
    told = recommender.explain(requests, slates, recommender.retelling(requests, slates))
    np.testing.assert_array_equal(told.reason_kinds, slates.reason_kinds)
    np.testing.assert_array_equal(told.reason_rows, slates.reason_rows)


def test_what_holds_alone_mostly_holds_in_the_whole_and_both_outcomes_come(
    recommender: Recommender, asked: tuple[Requests, Ranked, Slates]
) -> None:
    requests, ranked, slates = asked
    (likely,) = falls(rescoring_of(recommender, requests, ranked, slates), [slates])
    assert likely.any()
    assert not likely[slates.rows >= 0].all()
    asked = recommender.retelling(requests, slates)
    alone = rescored(recommender, requests, ranked, slates, asked)
    whole = verified(recommender, requests, slates)
    np.testing.assert_array_equal(alone.rows, whole.rows)
    np.testing.assert_array_equal(alone.reason_kinds[likely], slates.reason_kinds[likely])
    shown = alone.reason_kinds != ReasonKind.NONE
    assert verify(recommender, requests, alone)[shown].mean() > 0.8
    assert (alone.reason_rows[~shown] == -1).all()


def test_a_batch_equals_its_singles(recommender: Recommender, asked: tuple[Requests, Ranked, Slates]) -> None:
    requests = replace(asked[0], rescore_reasons=True)
    batch = recommender.recommend(requests)
    for place in range(0, len(requests), 7):
        alone = recommender.recommend(requests.slice(place, place + 1))
        np.testing.assert_array_equal(alone.reason_kinds[0], batch.reason_kinds[place])
        np.testing.assert_array_equal(alone.reason_rows[0], batch.reason_rows[place])


def test_reasons_of_the_radio_are_verified_in_the_whole(recommender: Recommender) -> None:
    requests = Requests.of_users(recommender.dataset, USERS[:3], recommender.as_of, Surface.RADIO, 5)
    alone = recommender.recommend(replace(requests, rescore_reasons=True))
    whole = recommender.recommend(replace(requests, verify_reasons=True))
    np.testing.assert_array_equal(alone.reason_kinds, whole.reason_kinds)
    assert recommender.radio_ranker is not None


def test_a_later_reason_is_asked_where_no_earlier_one_holds_however_many_are_scored_together(
    recommender: Recommender, asked: tuple[Requests, Ranked, Slates], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, ranked, slates = asked
    rescoring = rescoring_of(recommender, requests, ranked, slates)
    broader = [reasoned(slates, kind, -1) for kind in (ReasonKind.SIMILAR_LISTENERS, ReasonKind.POPULAR)]
    together = falls(rescoring, [slates, *broader])
    is_held = np.zeros(slates.rows.shape, np.bool_)
    for found, alone in zip(together, [slates, *broader], strict=True):
        kinds = np.where(is_held, np.int8(ReasonKind.NONE), alone.reason_kinds)
        (expected,) = falls(rescoring, [replace(alone, reason_kinds=kinds)])
        np.testing.assert_array_equal(found, expected)
        is_held |= expected
    assert together[0].any()
    assert together[1].any()
    monkeypatch.setattr(rescoring_module, "BATCH_ENTRIES", 50)
    for found, again in zip(together, falls(rescoring, [slates, *broader]), strict=True):
        np.testing.assert_array_equal(found, again)
