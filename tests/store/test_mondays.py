"""Each listener's own Monday: properties over zones and moments, and planted weeks in real stores."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossfade.store.contract import SlateStore
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.mondays import Shown, beginning, monday_of
from crossfade.store.redis_store import RedisStore
from tests.store.slates import SURFACE, generation, slates

STORES: dict[str, Callable[[pytest.FixtureRequest], SlateStore]] = {
    "embedded": lambda request: EmbeddedStore(request.getfixturevalue("tmp_path") / "store"),
    "redis": lambda request: RedisStore(request.getfixturevalue("redis_server").emptied()),
}
# West and east of the date line, by half and quarter hours, with clocks that go over midnight and that show it twice.
ZONES = [
    "Africa/Cairo", "America/Asuncion", "America/Havana", "America/New_York", "America/Nuuk", "America/Sao_Paulo",
    "America/Scoresbysund", "Asia/Amman", "Asia/Beirut", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran", "Asia/Tokyo",
    "Atlantic/Azores", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati",
    "Pacific/Pago_Pago", "UTC",
]  # fmt: skip
FIRST = date(1985, 1, 7)
MONDAYS = st.integers(0, 52 * 50).map(lambda weeks: FIRST + timedelta(weeks=weeks))
MONDAY = "2026-03-30"


@settings(max_examples=120, deadline=None)
@given(monday=MONDAYS, zone=st.sampled_from(ZONES), seconds=st.integers(0, 3 * 86_400))
def test_a_monday_begins_when_calendars_there_turn_to_it(monday: date, zone: str, seconds: int) -> None:
    start = beginning(monday.isoformat(), zone)
    for moment, has_begun in ((start - 1 - seconds, False), (start, True), (start + seconds, True)):
        assert (datetime.fromtimestamp(moment, ZoneInfo(zone)).date() >= monday) == has_begun
    midnight = datetime(monday.year, monday.month, monday.day, tzinfo=UTC).timestamp()
    assert -14 * 3600 <= start - midnight <= 12 * 3600


@pytest.mark.parametrize(
    ("zone", "day", "utc"),
    [
        ("Europe/Berlin", "2026-03-30", "2026-03-29T22:00"),  # the day after clocks went forward
        ("Europe/Berlin", "2026-10-26", "2026-10-25T23:00"),  # the day after they went back
        ("America/New_York", "2026-03-09", "2026-03-09T04:00"),
        (
            "Asia/Tehran",
            "2021-03-22",
            "2021-03-21T20:30",
        ),  # 00:00 was not there that day: it was 01:00 at once
        ("Asia/Tehran", "2020-09-21", "2020-09-20T20:30"),  # clocks had shown 23:00 to 24:00 twice
        ("Mars/Base", "2026-03-30", "2026-03-30T00:00"),
        ("", "2026-03-30", "2026-03-30T00:00"),
    ],
)
def test_planted_beginnings(zone: str, day: str, utc: str) -> None:
    assert datetime.fromtimestamp(beginning(day, zone), UTC).isoformat(timespec="minutes")[:16] == utc


@pytest.mark.parametrize(
    ("as_of", "monday"),
    [
        ("2026-03-29T00:00", "2026-03-30"),  # begun on Sunday
        ("2026-03-29T23:59", "2026-03-30"),
        ("2026-03-30T00:00", "2026-03-30"),
        ("2026-04-01T12:00", "2026-03-30"),  # a repair within the week
        ("2026-04-04T23:59", "2026-03-30"),
        ("2026-04-05T00:00", "2026-04-06"),
    ],
)
def test_the_monday_of_a_batch(as_of: str, monday: str) -> None:
    moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    assert monday_of(int(moment.timestamp())).isoformat() == monday


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest) -> SlateStore:
    return STORES[request.param](request)


def week(store: SlateStore, name: str, monday: str, zones: dict[str, str]) -> None:
    """Publish slates of users whose time zones are planted."""
    users = list(zones)
    table = slates(name, users).set_column(7, "time_zone", [list(zones.values())])
    with store.begin(replace(generation(name, len(users)), monday=monday)) as writer:
        writer.put_many(table)
    store.activate(SURFACE, name)


def seen(store: SlateStore, user: str, moment: str, zone: str = "") -> str:
    """Return the generation that a user gets at a moment of UTC."""
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    slate = Shown(store, SURFACE, now, zone).get(user)
    assert slate is not None
    assert {track.split("/")[0] for track in slate.track_ids} <= {slate.generation}
    return slate.generation


EVERYBODY = {"a": "Asia/Tokyo", "b": "America/New_York", "c": ""}


def test_each_listener_gets_the_week_at_their_own_monday(store: SlateStore) -> None:
    week(store, "g1", "2026-03-23", EVERYBODY)
    week(store, "g2", MONDAY, EVERYBODY | {"d": "America/New_York"})
    told = {
        moment: "".join(seen(store, user, moment)[1] for user in "abc")
        for moment in ("2026-03-29T14:59", "2026-03-29T15:00", "2026-03-30T00:00", "2026-03-30T04:00")
    }
    assert list(told.values()) == ["111", "211", "212", "222"]
    # Whoever asks from elsewhere is where they say they are, and a listener without an earlier slate waits for nothing.
    assert seen(store, "a", "2026-03-30T03:59", "America/New_York") == "g1"
    assert seen(store, "b", "2026-03-29T15:00", "Asia/Tokyo") == "g2"
    assert seen(store, "d", "2026-03-29T12:00") == "g2"
    assert Shown(store, SURFACE, 0).get("nobody") is None
    store.rollback(SURFACE)
    assert seen(store, "a", "2026-03-30T12:00") == "g1"


def test_a_week_that_is_mended_before_its_monday_waits_with_it(store: SlateStore) -> None:
    week(store, "g1", "2026-03-23", EVERYBODY)
    for name in ("g2", "g3"):
        week(store, name, MONDAY, EVERYBODY)
    assert seen(store, "b", "2026-03-30T03:00") == "g1"
    assert seen(store, "b", "2026-03-30T04:00") == "g3"
    store.prune(SURFACE, 1)  # nothing earlier is there any more
    assert seen(store, "b", "2026-03-30T03:00") == "g3"


def test_a_week_for_all_at_once_has_no_monday(store: SlateStore) -> None:
    week(store, "g1", MONDAY, EVERYBODY)
    week(store, "g2", "", EVERYBODY)
    assert seen(store, "b", "2026-03-29T00:00") == "g2"


def test_a_generation_that_is_pruned_meanwhile_is_passed_over(
    store: SlateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    week(store, "g1", "2026-03-23", EVERYBODY)
    week(store, "g2", MONDAY, EVERYBODY)

    shown = Shown(store, SURFACE, 0)
    assert shown.store.get(SURFACE, "a") is not None
    monkeypatch.setattr(type(store), "history", lambda self, surface: ["g0", "g2"])
    slate = shown.get("a")
    assert slate is not None
    assert slate.generation == "g2"
