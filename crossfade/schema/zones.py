"""Time zones of countries, from the tz database; where a country has several, the one that most people live in."""

from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa

UTC: Final = "UTC"
# Of countries whose first zone in the database is not the one of most people; it lists them from east to west, or so.
MOST_PEOPLE: Final = MappingProxyType(
    {
        "AU": "Australia/Sydney",
        "BR": "America/Sao_Paulo",
        "CA": "America/Toronto",
        "RU": "Europe/Moscow",
        "UA": "Europe/Kyiv",
        "UZ": "Asia/Tashkent",
    }
)
# Spellings that the database's names of countries do not have.
ALSO: Final = MappingProxyType({"UK": "GB", "UNITED KINGDOM": "GB"})


def zone_of(country: str | None) -> str:
    """Return the time zone of a country, such as Europe/Berlin; empty where the country is not known.

    Args:
        country: ISO 3166 code of two letters, or the name that the tz database has for it; in any case of letters.
    """
    name = (country or "").strip().upper()
    code = ALSO.get(name) or _codes().get(name, name)
    return MOST_PEOPLE.get(code) or _first_zones().get(code, "")


def zones_of(countries: pa.Array) -> pa.Array:
    """Return the time zones [n] of countries [n]."""
    coded = countries.dictionary_encode()
    zones = pa.array([zone_of(country) for country in coded.dictionary.to_pylist()], pa.string())
    return zones.take(coded.indices).fill_null("")


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """Return a zone of the tz database by its name, None where it has none of this name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or a directory of names
        return None


@cache
def _first_zones() -> dict[str, str]:
    found: dict[str, str] = {}
    for code, _, zone, *_ in _lines("zone.tab"):
        found.setdefault(code, zone)
    return found


@cache
def _codes() -> dict[str, str]:
    return {name.upper(): code for code, name, *_ in _lines("iso3166.tab")}


def _lines(name: str) -> list[list[str]]:
    text = files("tzdata").joinpath("zoneinfo", name).read_text("utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
