"""What drift is looked for in: each measure with its kind, which says how two days are compared."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from crossfade.schema import columns as c


class Kind(StrEnum):
    """How days are compared; `distances.py` has the formulas."""

    MIX = "mix"  # shares of categories: Jensen-Shannon
    SHARE = "share"  # shares of categories, the one that moved most: Cohen's h
    NUMBER = "number"  # a number in ordered bins: Kolmogorov-Smirnov
    RATE = "rate"  # a share of yes: Cohen's h
    VOLUME = "volume"  # a count: logarithm of the ratio
    DIRECTION = "direction"  # vectors: maximum mean discrepancy
    LOSS = "loss"  # a mean that must not fall: the share of it that was lost
    LEVEL = "level"  # a mean that must stay where it is: Cohen's d


SUMMED: Final = (Kind.DIRECTION, Kind.LOSS, Kind.LEVEL)  # counts are a number and sums, not bins


@dataclass(frozen=True)
class Measure:
    """One thing that may drift.

    Args:
        name: Unique; the label by which metrics, alerts and reports call it.
        kind: How days are compared.
        meaning: One line for people.
        edges: Of a number, the lower bounds of all bins but the first.
    """

    name: str
    kind: Kind
    meaning: str
    edges: tuple[float, ...] = ()


# What is missing has no part in mixes: it is watched by itself, since it tells of clients and not of listeners.
# Columns of events, and of the tracks that are listened to, of which the share that is missing is watched.
WATCHED_COLUMNS: Final = (
    c.PLAYED_MS, c.PLAYED_SHARE, c.COUNTRY, c.DEVICE, c.SHUFFLE, c.CONTEXT,
    c.TITLE, c.DURATION_MS, c.RELEASE_DATE, c.AUDIO_FEATURES[0],
)  # fmt: skip
MIXES: Final = (
    Measure("event_types", Kind.MIX, "what is done: listens, saves, likes and so on"),
    Measure("countries", Kind.MIX, "where it is listened"),
    Measure("devices", Kind.MIX, "on what it is listened"),
    Measure("contexts", Kind.MIX, "from where plays are started"),
    Measure("cohorts", Kind.MIX, "who listens: new (or back after a week), casual or heavy listeners"),
    Measure("hours", Kind.MIX, "hour of the day (UTC) of listens"),
    Measure("genres", Kind.MIX, "genres of the tracks that are listened to"),
)
NUMBERS: Final = (
    Measure(
        "played_seconds",
        Kind.NUMBER,
        "how long tracks are played",
        (0.001, 2, 5, 10, 20, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 360, 480, 600),
    ),
    Measure(
        "played_share",
        Kind.NUMBER,
        "which share of a track is played",
        (0.0001, *(place / 20 for place in range(1, 21))),
    ),
    Measure(
        "track_age_days",
        Kind.NUMBER,
        "days since the release of the tracks that are listened to",
        (0, 7, 28, 90, 182, 365, 730, 1825, 3650, 7300),
    ),
    Measure(
        "session_position", Kind.NUMBER, "how far into a session listens are", (1, 2, 3, 5, 8, 12, 20, 40)
    ),
    Measure(
        "listens_per_listener",
        Kind.NUMBER,
        "listens of a listener on a day and device",
        (2, 3, 5, 8, 12, 18, 27, 40, 60, 90),
    ),
)
SKIPS: Final = Measure("skips", Kind.RATE, "share of listens that end as a skip")
SAVES: Final = Measure("saves", Kind.RATE, "saves, likes and playlist adds for each listen")
RATES: Final = (
    SKIPS,
    SAVES,
    Measure("shuffle", Kind.RATE, "share of listens in random order"),
    Measure("bots", Kind.RATE, "share of listens that are marked as a machine's"),
    Measure("new_tracks", Kind.RATE, "share of listens to tracks released in the last 28 days"),
    Measure("unknown_tracks", Kind.RATE, "share of listens to tracks that the catalogue does not name"),
    Measure("late", Kind.RATE, "share of listens that arrived after their day was read"),
    *(
        Measure(f"missing_{name}", Kind.RATE, f"share of listens without {name.replace('_', ' ')}")
        for name in WATCHED_COLUMNS
    ),
)
VOLUMES: Final = (
    Measure("listens", Kind.VOLUME, "listens of a day"),
    Measure("listeners", Kind.VOLUME, "listeners of a day, once for each device"),
)
COUNTED: Final = (*MIXES, *NUMBERS, *RATES, *VOLUMES)
# Of each mix, the share of what the reference does not have at all; days of the reference are asked by its other weeks.
UNSEEN: Final = {
    mix.name: Measure(f"{mix.name}_unseen", Kind.RATE, f"share of {mix.name} that were never there before")
    for mix in MIXES
}
# Of a mix of many categories: what one of them gains is lost among what all others stray by, and seen by itself.
ONE_OF: Final = {
    "genres": Measure("genres_share", Kind.SHARE, "share of the one genre that moved most"),
}
OF_LISTENING: Final = (*COUNTED, *UNSEEN.values(), *ONE_OF.values())

VECTORS: Final = Measure("user_vectors", Kind.DIRECTION, "where listeners' vectors point")
NDCG: Final = Measure("ndcg", Kind.LOSS, "NDCG of the champion's ranking on what listeners found on the day")
SPREAD: Final = Measure(
    "score_spread", Kind.LOSS, "standard deviation of the champion's scores within a listener's candidates"
)
LEVEL: Final = Measure("score_mean", Kind.LEVEL, "mean of the champion's scores of a listener's candidates")
NORMS: Final = "user_vector_norms"
SCORES: Final = "scores"
OF_CHAMPION: Final = (VECTORS, NDCG, SPREAD, LEVEL)
SCORE_EDGES: Final = tuple(place / 20 for place in range(1, 20))  # quantiles of the reference
EVERYBODY: Final = "everybody"
COHORT: Final = "cohort"  # groups of these tell who moved, and are no alarm by themselves
