"""Answers with external ids: in order, across surfaces, JSON as documented."""

import json

from crossfade.recommender.answers import Answer, AnsweredTrack, answer
from crossfade.recommender.asked_rows import requests_of
from crossfade.recommender.asking import Ask, asks_of_users
from crossfade.recommender.reasons import verified
from crossfade.recommender.recommend import Recommender
from crossfade.schema.tables import Surface


def test_each_user_gets_a_slate_in_order_with_json_as_documented(recommender: Recommender) -> None:
    answers, unknown = answer(recommender, asks_of_users(["u01", "nobody", "u00"], Surface.HOME), 5)
    assert [found.user_id for found in answers] == ["u01", "nobody", "u00"]
    assert unknown.users == ("nobody",)
    first = answers[0].as_json()
    assert list(first) == ["user_id", "bundle", "tracks"]
    assert first["bundle"] == recommender.digest
    assert len(first["tracks"]) == 5
    track = first["tracks"][0]
    assert list(track) == ["track_id", "score", "source", "reason"]
    assert track["track_id"][0] == "j"
    assert track["source"] in ("two_tower", "item_knn", "artist_tracks", "popular")
    assert json.loads(json.dumps(first)) == first
    assert answers[0].tracks[0].title == f"Song {track['track_id']}"
    assert answers[0].tracks[0].artist.startswith("Band j")


def test_requests_of_several_surfaces_keep_their_order_and_policies(recommender: Recommender) -> None:
    surfaces = [Surface.RADIO, Surface.HOME, Surface.RADIO]
    asks = [Ask(request_id=f"r{i}", surface=surface, user_id="u02") for i, surface in enumerate(surfaces)]
    answers, _ = answer(recommender, asks, None)
    assert [found.as_json()["request_id"] for found in answers] == ["r0", "r1", "r2"]
    assert answers[0].tracks == answers[2].tracks
    assert len(answers[0].tracks) <= recommender.policies[Surface.RADIO].k


def test_a_session_steers_a_stranger_and_its_last_track_does_not_come_at_once(
    recommender: Recommender,
) -> None:
    session = ("j01", "j06", "j11")
    asks = [Ask(request_id="r", surface=Surface.RADIO, session=session, seed_track="j16")]
    tracks = [track.track_id for track in answer(recommender, asks, 6)[0][0].tracks]
    assert len(tracks) == 6
    assert sum(track[0] == "j" for track in tracks) >= 5
    assert "j16" not in tracks


def test_reasons_are_verified(recommender: Recommender) -> None:
    asks = asks_of_users([f"u{user:02}" for user in range(8)], Surface.DISCOVER_WEEKLY)
    answers, _ = answer(recommender, asks, 8)
    requests, _ = requests_of(asks, recommender.dataset, recommender.as_of, 8, lake=recommender.settings.lake)
    likely = recommender.recommend(requests)
    shown = verified(recommender, requests, likely)
    texts = recommender.wording.texts(shown.reason_kinds.ravel(), shown.reason_rows.ravel()).to_pylist()
    assert [track.reason for found in answers for track in found.tracks] == texts
    assert (shown.reason_kinds != likely.reason_kinds).any()


def test_no_reason_is_null_in_json() -> None:
    track = AnsweredTrack("t", "Title", "Artist", 0.123456789, "popular", "")
    (line,) = Answer("r", "u", "digest", (track,)).as_json()["tracks"]
    assert line == {"track_id": "t", "score": 0.123457, "source": "popular", "reason": None}
