"""The whole recommender on a planted world: true to taste, batch equals single, never a crash."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from crossfade.recommender.manifest import verify
from crossfade.recommender.policy import Policy
from crossfade.recommender.reasons import verified
from crossfade.recommender.recommend import POPULARITY, Recommender
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.schema import columns as c
from crossfade.schema.columns import RANKING_FEATURES
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import Rows
from crossfade.schema.tables import Surface
from tests.recommender import world

EVERYBODY = np.arange(world.NUM_USERS, dtype=np.int32)


def requests(recommender: Recommender, users: Rows = EVERYBODY, **change: object) -> Requests:
    wanted = {"surface": Surface.DISCOVER_WEEKLY, "k": 8, **change}
    return Requests.of(recommender.dataset.queries(users, recommender.as_of), **wanted)  # type: ignore[arg-type]


def with_policy(recommender: Recommender, **changes: object) -> Recommender:
    """Return the recommender with another policy for Discover Weekly."""
    policy = recommender.policies[Surface.DISCOVER_WEEKLY].model_copy(update=changes)
    return replace(recommender, policies={**recommender.policies, Surface.DISCOVER_WEEKLY: policy})


def ids(recommender: Recommender, rows: Rows) -> list[str]:
    return [str(name) for name in recommender.catalogue.tracks.names(rows[rows >= 0])]


def assert_equal(left: Slates, right: Slates) -> None:
    for item in fields(Slates):
        np.testing.assert_array_equal(getattr(left, item.name), getattr(right, item.name), item.name)


def test_listeners_get_their_own_genre_and_nothing_that_they_heard(recommender: Recommender) -> None:
    wanted = requests(recommender)
    slates = recommender.recommend(wanted)
    for user in range(world.NUM_USERS):
        names = ids(recommender, slates.rows[user])
        assert len(set(names)) == len(names) == 8
        assert {name[0] for name in names} == {"rj"[user % 2]}
        heard = wanted.queries.slice(user, user + 1).track_rows
        assert not set(ids(recommender, heard)) & set(names)


def test_caps_hold_on_every_slate(recommender: Recommender) -> None:
    capped = with_policy(recommender, max_per_artist=1, max_per_album=1)
    slates = capped.recommend(requests(capped))
    # Five artists a genre, one track each; the rest comes from the other genre.
    for rows in slates.rows:
        artists = recommender.catalogue.artist_rows[rows[rows >= 0]]
        assert len(set(artists.tolist())) == len(artists) >= world.NUM_ARTISTS


def test_shares_of_new_artists_hold_on_every_slate(recommender: Recommender) -> None:
    shared = with_policy(recommender, new_artists=(0.5, 0.75), explore_places=(4, 8))
    wanted = requests(shared)
    slates = shared.recommend(wanted)
    artists = recommender.catalogue.artist_rows
    for user, rows in enumerate(slates.rows):
        played = set(artists[wanted.queries.slice(user, user + 1).track_rows].tolist())
        is_new = [artist not in played for artist in artists[rows[rows >= 0]].tolist()]
        assert sum(is_new) <= 6
        assert len(is_new) - sum(is_new) <= 4


def test_explored_places_are_the_policys_and_can_be_switched_off(recommender: Recommender) -> None:
    exploring = with_policy(recommender, explore_places=(3, 8, 9))
    wanted = requests(exploring)
    slates, plain = exploring.recommend(wanted), exploring.without_exploration().recommend(wanted)
    drawn = (slates.propensities < 1).any(axis=1)
    assert drawn.mean() > 0.8  # both genres are among the candidates of nearly everybody
    assert np.unique(np.nonzero(slates.propensities < 1)[1]).tolist() == [2, 7]  # 9 is beyond the slate
    assert (plain.propensities == 1).all()
    kept = [0, 1, 3, 4, 5, 6]
    np.testing.assert_array_equal(slates.rows[drawn][:, kept], plain.rows[drawn][:, :6])
    assert_equal(exploring.recommend(wanted), slates)
    alone = exploring.recommend(wanted.slice(7, 8))
    assert_equal(alone, Slates(*(getattr(slates, item.name)[7:8] for item in fields(Slates))))


def test_a_batch_gives_each_request_what_it_gets_alone(recommender: Recommender) -> None:
    for surface in Surface:
        wanted = requests(recommender, surface=surface)
        batch = recommender.recommend(wanted)
        for user in (0, 7, 39):
            alone = recommender.recommend(wanted.slice(user, user + 1))
            single = Slates(*(getattr(batch, item.name)[user : user + 1] for item in fields(Slates)))
            assert_equal(alone, single)


def test_strangers_get_what_is_popular_in_their_country(recommender: Recommender) -> None:
    strangers = requests(recommender, np.array([-1, -1], np.int32))
    countries = recommender.dataset.users.countries.rows(["SE", "NO"])
    strangers = replace(strangers, queries=replace(strangers.queries, country_rows=countries))
    slates = recommender.recommend(strangers)
    assert slates.lengths.tolist() == [8, 8]
    for rows, genre in zip(slates.rows, "rj", strict=True):
        names = ids(recommender, rows)
        assert sum(name[0] == genre for name in names) > 4


def test_fewer_tracks_than_k_give_a_short_slate(recommender: Recommender) -> None:
    open_policy = with_policy(recommender, max_per_artist=0, max_per_album=0)
    slates = open_policy.recommend(requests(recommender, EVERYBODY[:3], k=200))
    assert slates.rows.shape == (3, 200)
    for user, (rows, length) in enumerate(zip(slates.rows, slates.lengths, strict=True)):
        assert 0 < length <= world.NUM_TRACKS * 2
        assert (rows[length:] == -1).all()
        assert np.isneginf(slates.scores[user, length:]).all()
        assert (slates.propensities[user] == (rows >= 0)).all()
        assert (slates.sources[user, length:] == -1).all()


def test_a_user_who_heard_everything_gets_an_empty_slate(recommender: Recommender) -> None:
    wanted = requests(recommender, EVERYBODY[:2])
    everything = np.arange(len(recommender.catalogue), dtype=np.int32)
    offsets = np.array([0, len(everything), len(everything)])
    slates = recommender.recommend(replace(wanted, excluded_offsets=offsets, excluded_rows=everything))
    assert slates.lengths.tolist() == [0, 8]
    assert slates.reason_kinds[0].tolist() == [0] * 8


def test_no_requests_give_no_slates(recommender: Recommender) -> None:
    assert recommender.recommend(requests(recommender, EVERYBODY[:0])).rows.shape == (0, 8)


def test_release_radar_shows_its_window_only(recommender: Recommender) -> None:
    slates = recommender.recommend(requests(recommender, surface=Surface.RELEASE_RADAR))
    days = recommender.catalogue.release_days[slates.rows[slates.rows >= 0]]
    policy: Policy = recommender.policies[Surface.RELEASE_RADAR]
    today = recommender.as_of // 86_400
    assert slates.lengths.min() > 0
    assert days.max() <= today
    assert days.min() > today - policy.new_release_days


def test_release_radar_hears_of_every_release_of_the_artists(recommender: Recommender) -> None:
    wanted = requests(recommender, surface=Surface.RELEASE_RADAR)
    excluded = recommender.exclusions(wanted)
    told = recommender.sources.retrieve(wanted.taste, recommender.settings.sources, excluded, (c.RELEASES,))
    ranked = recommender.rank(wanted, excluded)
    assert (told.rows >= 0).any(axis=1).all()
    for released, candidates in zip(told.rows, ranked.candidates.rows, strict=True):
        assert set(released[released >= 0]) <= set(candidates)
    # The ranker sees what its own sources say; a track that none of them brought is the releases'.
    assert ranked.candidates.ranks.shape[2] == len(recommender.ranker.task.sources)
    best = int(recommender.rerank(wanted, ranked).rows[0, 0])
    ranked.candidates.ranks[0, ranked.candidates.rows[0] == best] = np.nan
    slates = recommender.rerank(wanted, ranked)
    assert c.SLATE_SOURCES[int(slates.sources[0, 0])] == c.RELEASES


def test_scores_and_sources_are_those_of_the_candidates(recommender: Recommender) -> None:
    wanted = requests(recommender, EVERYBODY[:4])
    slates = recommender.recommend(wanted)
    ranked = recommender.rank(wanted, recommender.exclusions(wanted))
    for user in range(4):
        for row, score, source in zip(
            slates.rows[user], slates.scores[user], slates.sources[user], strict=True
        ):
            place = ranked.candidates.rows[user].tolist().index(row)
            assert score == ranked.scores[user, place]
            ranks = ranked.candidates.ranks[user, place]
            assert ranks[source] == np.nanmin(ranks)


def test_muting_popularity_takes_its_source_and_features_away_from_those_requests_only(
    recommender: Recommender,
) -> None:
    wanted = requests(recommender, EVERYBODY[:2])
    excluded = recommender.exclusions(wanted)
    heard = recommender.rank(wanted, excluded)
    muted = recommender.rank(wanted, excluded, muted_popular=np.array([True, False]))
    assert np.isnan(muted.candidates.ranks[0, :, -1]).all()
    assert np.isnan(muted.features[0][:, POPULARITY]).all()
    others = np.setdiff1d(np.arange(len(RANKING_FEATURES)), POPULARITY)
    assert {RANKING_FEATURES[i] for i in POPULARITY} >= {"track_listens_log", "artist_listeners_log"}
    assert not np.isnan(muted.features[0][:, others]).all()
    np.testing.assert_array_equal(muted.features[1], heard.features[1])
    np.testing.assert_array_equal(muted.scores[1], heard.scores[1])


def test_requests_choose_between_likely_and_true_reasons(recommender: Recommender) -> None:
    likely = requests(recommender, EVERYBODY[:5])
    slates = recommender.recommend(likely)
    true = recommender.recommend(replace(likely, verify_reasons=True))
    assert_equal(true, verified(recommender, likely, slates))
    np.testing.assert_array_equal(true.rows, slates.rows)
    assert (true.reason_kinds != slates.reason_kinds).any()


def test_a_damaged_bundle_is_refused_before_anything_is_read(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    copy.mkdir()
    for name in verify(trained)["files"]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((trained / name).read_bytes())
    (copy / "MANIFEST.json").write_bytes((trained / "MANIFEST.json").read_bytes())
    Recommender.load(copy)
    whole = (copy / "interactions.arrow").read_bytes()
    (copy / "interactions.arrow").write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    with pytest.raises(IntegrityError, match=r"interactions\.arrow was changed"):
        Recommender.load(copy)
