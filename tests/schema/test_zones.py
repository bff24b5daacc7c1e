"""Zones of countries: planted ones, and every one that is named by hand held against the tz database."""

from importlib.resources import files

import pyarrow as pa
import pytest

from crossfade.schema.zones import MOST_PEOPLE, zone_named, zone_of, zones_of


@pytest.mark.parametrize(
    ("country", "zone"),
    [
        ("DE", "Europe/Berlin"),
        ("de ", "Europe/Berlin"),
        ("Sweden", "Europe/Stockholm"),
        ("US", "America/New_York"),
        ("RU", "Europe/Moscow"),
        ("United Kingdom", "Europe/London"),
        ("XX", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_zone_of_a_country(country: str | None, zone: str) -> None:
    assert zone_of(country) == zone


def test_zones_of_many_with_missing_ones() -> None:
    found = zones_of(pa.array(["SE", None, "Atlantis", "SE", "JP"], pa.string()))
    assert found.to_pylist() == ["Europe/Stockholm", "", "", "Europe/Stockholm", "Asia/Tokyo"]
    assert zones_of(pa.array([None], pa.string())).to_pylist() == [""]


def test_what_is_named_by_hand_is_the_country_s_in_the_database_and_not_its_first() -> None:
    text = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    zones: dict[str, list[str]] = {}
    for code, _, zone, *_ in lines:
        zones.setdefault(code, []).append(zone)
    for code, zone in MOST_PEOPLE.items():
        assert zone in zones[code][1:]
    assert all(zone_named(zone_of(code)) for code in zones)


@pytest.mark.parametrize("name", ["Mars/Base", "", "../etc/passwd", "/etc/localtime", "Europe", "a\0b"])
def test_what_is_no_zone(name: str) -> None:
    assert zone_named(name) is None
