"""Picks of artists and genres become stand-in tracks that shape taste and are never taken for heard."""

from dataclasses import replace

import numpy as np

from crossfade.recommender.asked_rows import requests_of
from crossfade.recommender.asking import Ask
from crossfade.recommender.onboarding import TRACKS_PER_ARTIST, TRACKS_PER_GENRE, Picks, picks_of
from crossfade.recommender.recommend import Recommender
from crossfade.schema.tables import Surface
from tests import builders

TRACKS = builders.catalogue(
    [
        {
            "track_id": f"{letter}{number}",
            "artist_ids": [letter],
            "artist_name": f"Band {letter}",
            "genres": [genre],
        }
        for letter, genre in (("a", "Rock"), ("b", "Rock"), ("c", "Jazz"))
        for number in range(4)
    ]
)
# a3 is heard most, then b0, a1 and c2; skips do not count.
PLAYS = [("u", "a3", 1), ("u", "a3", 2), ("v", "a3", 3), ("u", "b0", 1), ("v", "b0", 2), ("u", "a1", 4)]
WORLD = builders.dataset([*PLAYS, ("v", "c2", 5), ("v", "a0", 6, -1.0), ("u", "a0", 7, -1.0)], TRACKS)


def names(picks: Picks) -> list[list[str | None]]:
    starts, stops = picks.offsets[:-1].tolist(), picks.offsets[1:].tolist()
    return [TRACKS.tracks.names(picks.track_rows[a:b]) for a, b in zip(starts, stops, strict=True)]


def test_the_most_heard_tracks_stand_for_artists_and_genres() -> None:
    picks, unknown = picks_of([["a"], [], ["c"]], [["Jazz"], [], ["Rock"]], WORLD)
    assert unknown == ()
    rock = ["a3", "b0", "a1", "a0", "a2"]
    assert names(picks) == [["a3", "a1", "a0", "c2", "c0", "c1", "c3"], [], ["c2", "c0", "c1", *rock]]
    assert (TRACKS_PER_ARTIST, TRACKS_PER_GENRE) == (3, 5)


def test_names_are_found_in_any_case_and_unknown_ones_are_told_once() -> None:
    picks, unknown = picks_of([["BAND b"], ["nobody", "c"]], [["rOCK", "polka"], ["polka"]], WORLD)
    assert names(picks)[0][:3] == ["b0", "b1", "b2"]
    assert len(names(picks)[0]) == 3 + 4  # b0 stands for both
    assert names(picks)[1] == ["c2", "c0", "c1"]
    assert unknown == ("nobody", "polka")


def test_nothing_picked_is_nothing() -> None:
    picks, unknown = picks_of([[], []], [[], []], WORLD)
    assert (picks.offsets.tolist(), len(picks.track_rows), unknown) == ([0, 0, 0], 0, ())


def test_picks_come_before_the_first_listen_and_are_a_session_of_their_own() -> None:
    queries = WORLD.queries(np.array([0, -1, 1], np.int32), WORLD.split.end)
    picks, _ = picks_of([["c"], ["b"], []], [[], [], []], WORLD)
    taste = picks.before(queries)
    assert np.diff(taste.offsets).tolist() == [5 + 3, 3, 4]
    first = taste.slice(0, 1)
    assert TRACKS.tracks.names(first.track_rows)[:4] == ["c2", "c0", "c1", "a3"]
    assert (first.seconds[:3] == first.seconds[3] - 1).all()
    assert (first.strengths[:3] == 1).all()
    assert len(set(first.sessions[:3].tolist())) == 1
    assert first.sessions[0] not in queries.sessions
    assert (taste.slice(1, 2).seconds == WORLD.split.end - 1).all()
    np.testing.assert_array_equal(taste.slice(2, 3).track_rows, queries.slice(2, 3).track_rows)


def test_taking_requests_takes_their_picks() -> None:
    picks, _ = picks_of([["a"], [], ["c"]], [[], [], []], WORLD)
    assert names(picks.take(np.array([2, 1, 2]))) == [["c2", "c0", "c1"], [], ["c2", "c0", "c1"]]


def answered(recommender: Recommender, *asks: Ask, k: int = 8) -> tuple[list[list[str]], tuple[str, ...]]:
    requests, unknown = requests_of(
        asks, recommender.dataset, recommender.as_of, k, lake=recommender.settings.lake
    )
    rows = recommender.recommend(requests).rows
    return [
        [str(name) for name in recommender.catalogue.tracks.names(row[row >= 0])] for row in rows
    ], unknown.picks


def ask(**values: object) -> Ask:
    return Ask(request_id="r", surface=Surface.DISCOVER_WEEKLY, **values)  # type: ignore[arg-type]


def test_a_stranger_gets_what_was_picked(recommender: Recommender) -> None:
    (rock, jazz), unknown = answered(
        recommender, ask(genres=("r",), country="NO"), ask(artists=("ja", "Band jb"), country="SE")
    )
    # Norwegians hear jazz and Swedes rock: the picks decide, not the country.
    assert {name[0] for name in rock} == {"r"}
    assert {name[0] for name in jazz} == {"j"}
    assert unknown == ()
    artists = [int(name[1:]) % 5 for name in jazz]
    assert sum(artist in (0, 1) for artist in artists) >= len(jazz) // 2


def test_picked_tracks_are_not_taken_for_heard(recommender: Recommender) -> None:
    requests, _ = requests_of(
        [ask(artists=("ja",))], recommender.dataset, recommender.as_of, 8, lake=recommender.settings.lake
    )
    assert requests.picks is not None
    assert not recommender.exclusions(requests)(requests.picks.track_rows[None]).any()
    assert np.isin(requests.picks.track_rows, recommender.recommend(requests).rows).any()


def test_unknown_picks_are_told_and_the_rest_is_answered(recommender: Recommender) -> None:
    (slate,), unknown = answered(recommender, ask(artists=("nobody",), genres=("j",), country="SE"))
    assert unknown == ("nobody",)
    assert {name[0] for name in slate} == {"j"}


def test_requests_with_picks_are_answered_alike_alone_and_together(recommender: Recommender) -> None:
    asks = [ask(artists=("ra",)), ask(user_id="u01"), ask(genres=("j",), user_id="u00")]
    requests, _ = requests_of(asks, recommender.dataset, recommender.as_of, 8, lake=recommender.settings.lake)
    batch = recommender.recommend(replace(requests, verify_reasons=True))
    for place in range(3):
        alone = recommender.recommend(replace(requests.slice(place, place + 1), verify_reasons=True))
        assert alone.rows[0].tolist() == batch.rows[place].tolist()
        assert alone.reason_kinds[0].tolist() == batch.reason_kinds[place].tolist()
