"""A reason is true when the track falls without its evidence; both outcomes, against removal by hand."""

from dataclasses import replace

import numpy as np
import pytest

from crossfade.recommender.reasons import Claims, verified, verify, without_evidence
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.recommender.wording import ReasonKind
from crossfade.schema.tables import Surface
from tests.recommender import world

USERS = np.arange(0, world.NUM_USERS, 4, dtype=np.int32)


@pytest.fixture(scope="module")
def asked(recommender: Recommender) -> tuple[Requests, Slates]:
    requests = Requests.of_users(recommender.dataset, USERS, recommender.as_of, Surface.DISCOVER_WEEKLY, 8)
    return requests, recommender.recommend(requests)


def reasoned(slates: Slates, kind: ReasonKind, row: int) -> Slates:
    """Give every place one and the same reason."""
    filled = slates.rows >= 0
    return replace(
        slates,
        reason_kinds=np.where(filled, np.int8(kind), np.int8(0)),
        reason_rows=np.where(filled, np.int32(row), np.int32(-1)),
    )


def place_without(
    recommender: Recommender, requests: Requests, kept: np.ndarray, track: int
) -> tuple[float, float]:
    """Recommend to one request whose history keeps some entries; return the track's place and score.

    What was heard stays excluded, by the request itself.
    """
    heard = np.unique(requests.queries.track_rows)
    excluded = {"excluded_offsets": np.array([0, len(heard)]), "excluded_rows": heard}
    again = recommender.recommend(replace(requests, queries=requests.queries.keep(kept), **excluded))
    at = np.flatnonzero(again.rows[0] == track)
    return (float(at[0]), float(again.scores[0, at[0]])) if len(at) else (np.inf, -np.inf)


@pytest.mark.parametrize("kind", [ReasonKind.LISTENED_TRACK, ReasonKind.ARTIST, ReasonKind.SIMILAR_LISTENERS])
def test_verification_is_removal_by_hand(
    recommender: Recommender, asked: tuple[Requests, Slates], kind: ReasonKind
) -> None:
    requests, _ = asked
    artists = recommender.catalogue.artist_rows
    outcomes = []
    for user in range(4):
        one, queries = requests.slice(user, user + 1), requests.queries.slice(user, user + 1)
        last = int(queries.positives.track_rows[-1])
        row = {ReasonKind.LISTENED_TRACK: last, ReasonKind.ARTIST: int(artists[last])}.get(kind, -1)
        slate = reasoned(recommender.recommend(one), kind, row)
        kept = {
            ReasonKind.LISTENED_TRACK: queries.track_rows != last,
            ReasonKind.ARTIST: artists[queries.track_rows] != artists[last],
        }.get(kind, np.zeros(len(queries.track_rows), np.bool_))
        holds = verify(recommender, one, slate)[0]
        for place, track in enumerate(slate.rows[0].tolist()):
            after, score = place_without(recommender, one, kept, track)
            assert holds[place] == (after > place and score < slate.scores[0, place])
        outcomes += holds.tolist()
    assert len(set(outcomes)) == 2, "the planted world shows both outcomes"


def test_listens_that_never_were_are_no_reason(
    recommender: Recommender, asked: tuple[Requests, Slates]
) -> None:
    requests, slates = asked
    jazz = int(recommender.catalogue.tracks.rows(["j00"])[0])  # every user of USERS hears rock
    assert not verify(recommender, requests, reasoned(slates, ReasonKind.LISTENED_TRACK, jazz)).any()
    artist = int(recommender.catalogue.artist_rows[jazz])
    assert not verify(recommender, requests, reasoned(slates, ReasonKind.ARTIST, artist)).any()


def test_popularity_is_the_reason_of_what_only_popularity_brought(recommender: Recommender) -> None:
    stranger = Requests.of_users(
        recommender.dataset, np.array([-1], np.int32), recommender.as_of, Surface.DISCOVER_WEEKLY, 8
    )
    slates = recommender.recommend(stranger)
    ranked = recommender.rank(stranger, recommender.exclusions(stranger))
    only_popular = np.isnan(ranked.candidates.ranks[0, :, :3]).all(axis=1)
    alone = np.isin(slates.rows[0], ranked.candidates.rows[0][only_popular])
    holds = verify(recommender, stranger, reasoned(slates, ReasonKind.POPULAR, -1))[0]
    assert holds[alone].all()


def test_a_country_counts_only_for_those_who_live_there(recommender: Recommender) -> None:
    countries = recommender.dataset.users.countries.rows(["SE"])
    stranger = Requests.of_users(
        recommender.dataset, np.array([-1], np.int32), recommender.as_of, Surface.DISCOVER_WEEKLY, 8
    )
    swede = replace(stranger, queries=replace(stranger.queries, country_rows=countries))
    slates = reasoned(recommender.recommend(swede), ReasonKind.POPULAR, int(countries[0]))
    assert verify(recommender, swede, slates).any()
    unknown = reasoned(recommender.recommend(stranger), ReasonKind.POPULAR, int(countries[0]))
    assert not verify(recommender, stranger, unknown).any()


def test_only_true_reasons_are_left_and_broader_ones_step_in(
    recommender: Recommender, asked: tuple[Requests, Slates]
) -> None:
    requests, slates = asked
    holds, shown = verify(recommender, requests, slates), verified(recommender, requests, slates)
    assert holds.any()
    assert not holds.all()
    np.testing.assert_array_equal(shown.rows, slates.rows)
    np.testing.assert_array_equal(shown.reason_kinds[holds], slates.reason_kinds[holds])
    np.testing.assert_array_equal(shown.reason_rows[holds], slates.reason_rows[holds])
    has_reason = shown.reason_kinds != ReasonKind.NONE
    np.testing.assert_array_equal(verify(recommender, requests, shown), has_reason)
    stepped_in = set(shown.reason_kinds[~holds & has_reason].tolist())
    assert stepped_in <= {ReasonKind.SIMILAR_LISTENERS, ReasonKind.POPULAR}
    assert (shown.reason_rows[~holds] == -1).all()
    for kind in stepped_in ^ {ReasonKind.SIMILAR_LISTENERS, ReasonKind.POPULAR}:
        assert not verify(recommender, requests, reasoned(slates, kind, -1))[~has_reason].any()


def test_a_stranger_is_not_told_of_a_history(recommender: Recommender) -> None:
    stranger = Requests.of_users(
        recommender.dataset, np.array([-1], np.int32), recommender.as_of, Surface.DISCOVER_WEEKLY, 8
    )
    slates = recommender.recommend(stranger)
    shown = verified(recommender, stranger, reasoned(slates, ReasonKind.SIMILAR_LISTENERS, -1))
    assert set(shown.reason_kinds[0].tolist()) <= {ReasonKind.NONE, ReasonKind.POPULAR}


def test_each_piece_of_evidence_is_taken_away_once() -> None:
    kinds = np.array(
        [[ReasonKind.ARTIST, ReasonKind.NEW_RELEASE, ReasonKind.NONE], [ReasonKind.ARTIST] * 3], np.int8
    )
    rows = np.array([[4, 4, -1], [4, 4, 5]], np.int32)
    nothing = Slates.unexplained(
        np.zeros((2, 3), np.int32), np.zeros((2, 3), np.float32), np.zeros((2, 3), np.int8)
    )
    claims = Claims.of(replace(nothing, reason_kinds=kinds, reason_rows=rows))
    assert len(claims) == 3
    assert claims.requests.tolist() == [0, 1, 1]
    assert claims.rows.tolist() == [4, 4, 5]
    assert claims.places.tolist() == [[0, 0, -1], [1, 1, 2]]
    assert len(Claims.of(nothing)) == 0


def test_evidence_is_left_out_of_histories(recommender: Recommender, asked: tuple[Requests, Slates]) -> None:
    requests, artists = asked[0], recommender.catalogue.artist_rows
    whole = requests.queries
    first, second = (int(whole.track_rows[whole.offsets[owner]]) for owner in (1, 0))
    pieces = (
        np.array([1, 0, 1, 2, 2]),
        np.array(
            [
                ReasonKind.LISTENED_TRACK,
                ReasonKind.ARTIST,
                ReasonKind.SIMILAR_LISTENERS,
                ReasonKind.POPULAR,
                ReasonKind.POPULAR,
            ]
        ),
        np.array([first, artists[second], -1, 0, -1]),
    )
    reduced, muted = without_evidence(requests, pieces, recommender.catalogue)
    assert muted.tolist() == [False, False, False, False, True]
    assert reduced.queries.country_rows.tolist() == [
        *whole.country_rows[[1, 0, 1]],
        -1,
        whole.country_rows[2],
    ]
    kept = [
        lambda tracks: tracks != first,
        lambda tracks: artists[tracks] != artists[second],
        lambda tracks: np.zeros(len(tracks), np.bool_),
        *[lambda tracks: np.ones(len(tracks), np.bool_)] * 2,
    ]
    for piece, owner in enumerate(pieces[0]):
        before, after = whole.slice(owner, owner + 1), reduced.queries.slice(piece, piece + 1)
        expected = before.keep(kept[piece](before.track_rows))
        for name in ("as_of", "track_rows", "seconds", "strengths", "sessions"):
            np.testing.assert_array_equal(getattr(after, name), getattr(expected, name))


def test_claims_name_the_slots_that_rest_on_them() -> None:
    places = np.array([[1, 0, 1], [-1, 2, 2]])
    nothing = np.zeros(3, np.int64)
    assert Claims(nothing, nothing, nothing, places).slots.tolist() == [[1, -1], [0, 2], [1, 2]]
