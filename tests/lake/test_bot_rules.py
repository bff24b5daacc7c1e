"""Each rule holds what it is for, and not what only looks like it."""

from pathlib import Path
from typing import Any

import pytest

from crossfade.schema import columns as c
from tests.lake.plays import flags, listens, told
from tests.lake.rows import Row

MANY = tuple(f"artist-{number}" for number in range(40))
UNEVEN = [90 * number + 47 * (number % 2) for number in range(40)]


def even(count: int, gap: float) -> list[float]:
    return [gap * number for number in range(count)]


LOOPS: dict[str, tuple[int, dict[str, Any]]] = {
    "just over": (8, {"played_ms": 31_000}),
    "45 s": (8, {"played_ms": 45_000}),
    "three artists": (9, {"played_ms": 31_000, "artists": ("a", "b", "c")}),
}
NO_LOOPS: dict[str, tuple[int, dict[str, Any]]] = {
    "few": (7, {"played_ms": 31_000}),
    "not paid for": (8, {"played_ms": 30_000}),
    "longer": (8, {"played_ms": 45_001}),
    "of unknown length": (8, {"played_ms": None}),
    "somebody who samples": (8, {"played_ms": 31_000, "artists": MANY}),
}


def test_a_loop_is_many_plays_just_over_30_s_of_one_artist(tmp_path: Path) -> None:
    rows = [
        row
        for user, (count, more) in (LOOPS | NO_LOOPS).items()
        for row in listens(user, UNEVEN[:count], **more)
    ]
    found = told(flags(rows, tmp_path))
    assert found == {(user, rule): 1.0 for user in LOOPS for rule in ("loop", "mostly")}


def test_a_loop_is_half_of_a_visit_s_plays_at_least(tmp_path: Path) -> None:
    rows = listens("half", UNEVEN[:10], played_ms=31_000) + listens("half", UNEVEN[20:30])
    rows += listens("less", UNEVEN[:10], played_ms=31_000) + listens("less", UNEVEN[20:31])
    rows += listens("apart", UNEVEN[:10], played_ms=31_000) + listens("apart", UNEVEN[20:31], device="phone")
    found = told(flags(rows, tmp_path))
    assert found == {("half", "loop"): 0.5, ("half", "mostly"): 1.0, ("apart", "loop"): 1.0}


def test_the_catalogue_names_the_artist_where_events_do_not(tmp_path: Path) -> None:
    rows: list[Row] = [row | {c.ARTIST_ID: None} for row in listens("u", UNEVEN[:10], played_ms=31_000)]
    assert told(flags(rows, tmp_path)) == {}
    tracks: list[Row] = [{c.TRACK_ID: f"t{number}", c.ARTIST_IDS: ["a", "b"]} for number in range(10)]
    assert ("u", "loop") in told(flags(rows, tmp_path, tracks=tracks))


METRONOMES: dict[str, tuple[list[float], int | None]] = {
    "every five minutes, mostly silence": (even(30, 300), 100_000),
    "no track is that short": (even(30, 40), None),
}
NO_METRONOMES: dict[str, tuple[list[float], int | None]] = {
    "few": (even(29, 40), None),
    "one track on repeat": (even(30, 202), 200_000),
    "perhaps one on repeat": (even(30, 202), None),
    "uneven": (UNEVEN[:30], 20_000),
    "pauses": (even(30, 901), 100_000),
}


def test_a_metronome_starts_evenly_without_music_that_explains_it(tmp_path: Path) -> None:
    rows = [
        row
        for user, (seconds, played_ms) in (METRONOMES | NO_METRONOMES).items()
        for row in listens(user, seconds, played_ms=played_ms, artists=MANY)
    ]
    found = told(flags(rows, tmp_path))
    assert {user: measure for (user, rule), measure in found.items() if rule == "metronome"} == dict.fromkeys(
        METRONOMES, 0.0
    )
    assert {user for user, _ in found} == set(METRONOMES)


def test_nobody_is_awake_24_hours_with_plays_in_each(tmp_path: Path) -> None:
    hours = [3600.0 * (12 + number) for number in range(24)]  # over midnight, half of them before
    rows = listens("awake", hours, artists=MANY) + listens("asleep", hours[:23], artists=MANY)
    rows += listens("napping", hours[:12] + [hour + 3600 for hour in hours[12:]], artists=MANY)
    found = told(flags(rows, tmp_path))
    assert found == {("awake", "round_the_clock"): 24.0, ("awake", "mostly"): 1.0}


DAYS = [86_400 * day + 400 * play for day in range(3) for play in range(8)]
ABROAD = [86_400 * 2.5 + 500 * play for play in range(10)]


def test_an_intruder_s_hours_are_held_and_the_owner_s_are_not(tmp_path: Path) -> None:
    rows = listens("u", DAYS, artists=("a", "b"), country="DE")
    rows += listens("u", ABROAD, artists=("x", "y"), country="BR")
    found = flags(rows, tmp_path)
    assert told(found) == {("u", "intruder"): 0.0}
    assert set(found[c.COUNTRY].to_pylist()) == {"BR"}
    assert sum(found[c.LISTENS].to_pylist()) == 10


def test_the_usual_place_is_the_one_used_over_the_longest_time_not_for_most_plays(tmp_path: Path) -> None:
    rows = listens("u", DAYS, artists=("a", "b"), country="DE")
    rows += listens("u", [ABROAD[0] + 300 * play for play in range(60)], artists=("x", "y"), country="BR")
    assert set(flags(rows, tmp_path)[c.COUNTRY].to_pylist()) == {"BR"}


def test_the_usual_place_is_where_the_user_lives_if_that_is_known_and_they_play_there(tmp_path: Path) -> None:
    rows = listens("u", [ABROAD[0] + 300 * play for play in range(20)], artists=("a", "b"), country="DE")
    rows += listens("u", DAYS, artists=("x", "y"), country="BR")
    homes = {"DE": {"BR"}, None: {"DE"}, "SE": {"DE"}}
    for home, foreign in homes.items():
        found = flags(rows, tmp_path, users=[{c.USER_ID: "u", c.COUNTRY: home}])
        assert set(found[c.COUNTRY].to_pylist()) == foreign


def test_who_seldom_plays_an_artist_again_does_so_abroad_too(tmp_path: Path) -> None:
    explored = [artist for place in range(0, 16, 2) for artist in (*MANY[place : place + 2], "a")]
    rows = []
    for user, home in (("explorer", explored), ("faithful", ["a", MANY[0]])):
        rows += listens(user, DAYS, artists=home, country="DE")
        rows += listens(user, ABROAD, artists=(*MANY[20:24], "a"), country="BR")
    # Of the explorer's 24 plays at home 8 are of an artist of other days, too; of the faithful one's all are.
    assert told(flags(rows, tmp_path)) == {("faithful", "intruder"): pytest.approx(0.2)}


def test_on_a_journey_people_may_play_something_else_but_not_while_somebody_plays_at_home(
    tmp_path: Path,
) -> None:
    rows = []
    for user, at_home in (("away", []), ("two", [ABROAD[4] + 100])):
        rows += listens(user, DAYS + at_home, artists=("a",), country="DE")
        rows += listens(user, ABROAD, artists=(*MANY[20:23], "a", "a"), country="BR")
    assert told(flags(rows, tmp_path)) == {("two", "intruder"): pytest.approx(0.4)}


def test_a_traveller_takes_their_taste_along_and_a_few_plays_tell_nothing(tmp_path: Path) -> None:
    rows = listens("traveller", ABROAD, artists=("a", "b", "x"), country="BR")
    rows += listens("few", ABROAD[:9], artists=("x",), country="BR")
    for user in ("traveller", "few"):
        rows += listens(user, DAYS, artists=("a", "b"), country="DE")
    assert told(flags(rows, tmp_path)) == {}


def test_another_device_alone_is_nobody_else_but_two_at_a_time_are(tmp_path: Path) -> None:
    rows = []
    for user in ("one", "two"):
        rows += listens(user, DAYS, artists=("a",), device="phone")
        rows += listens(user, ABROAD, artists=("x",), device="desktop")
    rows += listens("two", [ABROAD[1] - 100, ABROAD[4] - 100], artists=("a",), device="phone")
    assert told(flags(rows, tmp_path)) == {("two", "intruder"): 0.0}


def test_who_is_in_two_countries_within_the_hour_again_and_again_is_not_one_person(tmp_path: Path) -> None:
    there = [86_400 * 2.6 + 1800 * number for number in range(5)]
    rows = listens("u", DAYS + there[::2], country="DE") + listens("u", there[1::2], country="BR")
    rows += listens("border", DAYS + there[:3:2], country="DE") + listens("border", there[1:2], country="BR")
    found = flags(rows, tmp_path)
    assert told(found) == {("u", "impossible_travel"): 4.0}
    assert set(found[c.COUNTRY].to_pylist()) == {"BR"}
