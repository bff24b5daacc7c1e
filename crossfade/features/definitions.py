"""Every feature, defined once: what it is of, its type, how far it looks back, how old it may be, and whose it is.

A stored feature is counted from the lake as of a moment, kept in gold and in the online store, and read by key. A computed
one is made at the request, from stored ones and the request's own history. `crossfade features list` shows them all.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from crossfade.lake.lake import FEATURES_SUFFIX
from crossfade.schema import columns as c


class Kind(StrEnum):
    """Types of values, as they are packed."""

    FLOAT32 = "float32"
    INT64 = "int64"


class Window(StrEnum):
    """How far back a feature looks from its moment."""

    ALL = "all"
    WEEK = "7 days"
    MONTH = "28 days"
    LAST_20 = "last 20 listens"
    SESSION = "session"
    MODEL = "model"  # what a retrieval source has learnt and reads


class Owner(StrEnum):
    """Who answers for a feature: a room of `crossfade/`."""

    FEATURES = "features"
    RETRIEVAL = "retrieval"


@dataclass(frozen=True)
class Entity:
    """What features are of.

    Args:
        name: In tables and keys.
        keys: Columns that identify one, in the order of the key.
    """

    name: str
    keys: tuple[str, ...]

    @property
    def table(self) -> str:
        """The gold table of its stored features."""
        return f"{self.name}{FEATURES_SUFFIX}"


@dataclass(frozen=True)
class Feature:
    """One feature.

    Args:
        name: Unique; for a computed one the column that rankers read.
        entity: What it is of.
        description: Its meaning and unit.
        window: How far it looks back.
        kind: Its type.
        owner: Who answers for it.
        inputs: Stored features that it is computed from.
        freshness_hours: How old a stored value may be when it is used; 0 where it is computed at the request.
    """

    name: str
    entity: Entity
    description: str
    window: Window = Window.ALL
    kind: Kind = Kind.FLOAT32
    owner: Owner = Owner.FEATURES
    inputs: tuple[str, ...] = ()
    freshness_hours: int = 0

    @property
    def is_stored(self) -> bool:
        """Whether it is kept by key; else it is computed at the request."""
        return self.freshness_hours > 0

    def as_json(self) -> dict[str, object]:
        """Return what `crossfade features list --json` prints."""
        return {
            "name": self.name,
            "entity": self.entity.name,
            "keys": list(self.entity.keys),
            "kind": str(self.kind),
            "window": str(self.window),
            "freshness_hours": self.freshness_hours,
            "owner": str(self.owner),
            "is_stored": self.is_stored,
            "inputs": list(self.inputs),
            "description": self.description,
        }


USER: Final = Entity("user", (c.USER_ID,))
TRACK: Final = Entity("track", (c.TRACK_ID,))
ARTIST: Final = Entity("artist", (c.ARTIST_ID,))
COUNTRY: Final = Entity("country", (c.COUNTRY,))
COUNTRY_TRACK: Final = Entity("country_track", (c.COUNTRY, c.TRACK_ID))
USER_TRACK: Final = Entity("user_track", (c.USER_ID, c.TRACK_ID))
SESSION: Final = Entity("session", (c.SESSION_ID,))
SESSION_TRACK: Final = Entity("session_track", (c.SESSION_ID, c.TRACK_ID))

# A week and a day: counts come with the weekly training, or sooner with `crossfade features materialise`.
WEEKLY_HOURS: Final = 8 * 24


def _stored(
    name: str, entity: Entity, description: str, window: Window = Window.ALL, kind: Kind = Kind.FLOAT32
) -> Feature:
    return Feature(name, entity, description, window, kind, freshness_hours=WEEKLY_HOURS)


STORED: Final = (
    _stored("user_listens", USER, "Positive listens."),
    _stored("user_plays", USER, "Interactions of any kind, skips among them."),
    _stored("user_skips", USER, "Summed strength of skips and dislikes; a skip at once is 1."),
    _stored("user_artists", USER, "Distinct artists of positive listens."),
    _stored(
        "user_last_seconds", USER, "UTC seconds of the last interaction, -1 without any.", kind=Kind.INT64
    ),
    _stored("track_listens", TRACK, "Positive listens of everybody."),
    _stored("track_listens_7d", TRACK, "Positive listens of the last 7 days.", Window.WEEK),
    _stored("track_listens_28d", TRACK, "Positive listens of the last 28 days.", Window.MONTH),
    _stored("track_listeners", TRACK, "Distinct users who listened."),
    _stored("track_skip_rate", TRACK, "Mean strength of skips over plays, drawn to everybody's by 20 plays."),
    _stored("track_save_rate", TRACK, "Saves over plays, drawn to everybody's by 20 plays."),
    _stored(
        "track_first_seconds", TRACK, "UTC seconds of the first listen, -1 without any.", kind=Kind.INT64
    ),
    _stored("artist_listens", ARTIST, "Positive listens of tracks whose primary artist it is."),
    _stored("artist_listeners", ARTIST, "Distinct users who listened."),
    _stored(
        "artist_tracks", ARTIST, "Tracks that are out; undated ones count once somebody has played them."
    ),
    _stored("country_shares", COUNTRY, "Share of all listens of known country; only of the 20 largest."),
    _stored("country_listens", COUNTRY_TRACK, "Positive listens of the track there; only of the 20 largest."),
)
STORED_BY_NAME: Final = MappingProxyType({feature.name: feature for feature in STORED})
STORED_ENTITIES: Final = tuple(dict.fromkeys(feature.entity for feature in STORED))


def stored_of(entity: Entity) -> tuple[Feature, ...]:
    """Return the stored features of an entity, in the order in which they are packed."""
    return tuple(feature for feature in STORED if feature.entity == entity)


def freshness_hours(entity: Entity) -> int:
    """Return how old stored values of an entity may be when they are used."""
    return min(feature.freshness_hours for feature in stored_of(entity))
