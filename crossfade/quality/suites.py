"""The suites as code: what is expected of each table of the lake."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from crossfade.lake.layout import GOLD_SCHEMAS, SILVER_SCHEMAS
from crossfade.quality.expected import Expected, Measure, between, known, not_null, typed, unique
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings
from crossfade.schema.tables import EventType

EVENTS: Final = "silver/events"
TABLES: Final = (
    EVENTS,
    *(f"silver/{name}" for name in SILVER_SCHEMAS if f"silver/{name}" != EVENTS),
    "gold/interactions",
    "gold/catalogue",
)
IMPORTED_TRACKS: Final = "bronze/tracks"
ARTISTS: Final = "silver/artists"
FIRST_BIRTH_YEAR: Final = 1900
# What tells rows apart; of interactions, whose rows have no id, what describes them.
KEYS: Final = {
    EVENTS: (c.EVENT_ID,),
    "silver/tracks": (c.TRACK_ID,),
    ARTISTS: (c.ARTIST_ID,),
    "silver/playlists": (c.PLAYLIST_ID,),
    "silver/users": (c.USER_ID,),
    "gold/catalogue": (c.TRACK_ID,),
    "gold/interactions": (c.USER_ID, c.TRACK_ID, c.TIMESTAMP),
}

_IMPORT: Final = "Correct these rows at their source and import them again."
_REBUILD: Final = "Bring the tables up to date with: crossfade lake refresh."


@dataclass(frozen=True)
class Facts:
    """What expectations depend on besides settings.

    Args:
        year: The present year.
        last_num_events: Events of the last lake that was valid, None when there was none.
        last_newest_events: Those of its newest 7 days, None when there was none or it had no timestamps.
        has_catalogue: Whether tracks were imported; without, the catalogue is made from the events.
        has_artists: Whether artists were imported.
    """

    year: int
    last_num_events: int | None
    last_newest_events: int | None
    has_catalogue: bool
    has_artists: bool


def suite(table: str, settings: Settings, facts: Facts) -> list[Expected]:
    """Return what is expected of one of `TABLES`."""
    own = {
        EVENTS: lambda: _events(settings, facts),
        "silver/tracks": lambda: _tracks(settings, facts),
        "silver/users": lambda: between(c.BIRTH_YEAR, FIRST_BIRTH_YEAR, facts.year, _IMPORT),
        "gold/interactions": lambda: _interactions(settings),
    }
    ids = KEYS.get(table, ())
    key = [check(ids[0], _REBUILD) for check in (not_null, unique)] if len(ids) == 1 else []
    return [typed(_REBUILD), *key, *(own[table]() if table in own else [])]


def schema_of(table: str) -> pa.Schema:
    """Return the schema of one of `TABLES`."""
    layer, _, name = table.partition("/")
    return (SILVER_SCHEMAS if layer == "silver" else GOLD_SCHEMAS)[name]


def quarantine(settings: Settings) -> list[Expected]:
    """Return what is expected of the rows that importing refused."""
    return [
        Expected(
            "few rows are quarantined",
            Measure.QUARANTINED_SHARE,
            "Correct the source (the quarantine table gives file, row and reason of each) and import it "
            "again, or raise quality.max_quarantined_share.",
            at_most=settings.quality.max_quarantined_share,
        )
    ]


def _events(settings: Settings, facts: Facts) -> list[Expected]:
    return [
        not_null(c.USER_ID, _IMPORT),
        not_null(c.EVENT_TYPE, _IMPORT),
        Expected(
            f"event_type is one of {', '.join(EventType)}",
            Measure.UNKNOWN_SHARE,
            _IMPORT,
            c.EVENT_TYPE,
            at_most=0,
        ),
        *between(c.PLAYED_SHARE, 0, 1, _IMPORT),
        *between(c.PLAYED_MS, 0, None, _IMPORT),
        *between(c.POSITION, 0, None, _IMPORT),
        *between(c.PROPENSITY, 0, 1, _IMPORT),
        *_null_shares(settings),
        *_times(settings),
        *_volume(settings, facts),
        known(c.TRACK_ID, "silver/tracks", 0, _REBUILD),
        *_known_to_catalogue(settings, facts),
    ]


def _null_shares(settings: Settings) -> list[Expected]:
    limit = settings.quality.max_null_share
    mend = "Import events with it, or raise quality.max_null_share."
    return [
        Expected(f"{column} is rarely missing", Measure.NULL_SHARE, mend, column, at_most=limit)
        for column in (c.TIMESTAMP, c.TRACK_ID)
    ]


def _times(settings: Settings) -> list[Expected]:
    ahead = Expected(
        "no event is later than now",
        Measure.SECONDS_AHEAD,
        "Correct the clock or the time zone of the source and import again, or raise "
        "lake.future_tolerance_minutes.",
        c.TIMESTAMP,
        at_most=settings.lake.future_tolerance_minutes * 60,
    )
    fresh = Expected(
        "the newest event is fresh",
        Measure.DAYS_OLD,
        "Import newer events, or raise quality.max_stale_days (0 for historic data).",
        c.TIMESTAMP,
        at_most=settings.quality.max_stale_days,
    )
    return [ahead, fresh] if settings.quality.max_stale_days else [ahead]


def _volume(settings: Settings, facts: Facts) -> list[Expected]:
    some = Expected(
        "there are events",
        Measure.ROWS,
        "Import some with: crossfade import events FILE --lake DIR.",
        at_least=1,
    )
    mend = "Find out where the others went and import them again, or lower quality.min_volume_ratio."
    ratio, last = settings.quality.min_volume_ratio, facts.last_num_events
    expected = [some]
    if last is not None:
        name = f"no fewer events than {ratio:g} of the last valid lake's {last:,}"
        expected.append(Expected(name, Measure.ROWS, mend, at_least=ratio * last))
    last = facts.last_newest_events
    if last is not None:
        name = f"in the newest 7 days no fewer events than {ratio:g} of the {last:,} in those of the last valid lake"
        expected.append(Expected(name, Measure.NEWEST_ROWS, mend, c.TIMESTAMP, at_least=ratio * last))
    return expected


def _known_to_catalogue(settings: Settings, facts: Facts) -> list[Expected]:
    if not facts.has_catalogue:
        return []
    mend = (
        "Import the tracks with: crossfade import catalogue FILE --lake DIR, or raise "
        "quality.max_unknown_track_share."
    )
    return [known(c.TRACK_ID, IMPORTED_TRACKS, settings.quality.max_unknown_track_share, mend)]


def _tracks(settings: Settings, facts: Facts) -> list[Expected]:
    expected = between(c.DURATION_MS, 0, None, _IMPORT)
    if facts.has_artists:
        mend = (
            "Import the artists with: crossfade import artists FILE --lake DIR, or raise "
            "quality.max_unknown_track_share."
        )
        expected.append(known(c.ARTIST_ID, ARTISTS, settings.quality.max_unknown_track_share, mend))
    return expected


def _interactions(settings: Settings) -> list[Expected]:
    largest = max(1.0, settings.lake.save_strength)
    return [
        *(not_null(column, _REBUILD) for column in (c.USER_ID, c.TRACK_ID, c.STRENGTH)),
        *between(c.STRENGTH, -largest, largest, _REBUILD),
        known(c.TRACK_ID, "gold/catalogue", 0, _REBUILD),
        Expected(
            "somebody listens",
            Measure.USERS,
            "Import listens, saves or likes with: crossfade import events FILE --lake DIR.",
            c.USER_ID,
            at_least=1,
        ),
    ]
