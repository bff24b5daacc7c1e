"""What the exporter tells of the newest weekly batch of each surface, as `metrics` declares all others."""

from typing import Final

from crossfade.schema.metric import Kind, Metric


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, meaning, labels)


WEEKLY_PLANNED: Final = _gauge(
    "crossfade_weekly_planned_timestamp_seconds",
    "When the newest weekly batch of a surface was planned, the first time, since 1970.",
    "surface",
)
WEEKLY_STARTED: Final = _gauge(
    "crossfade_weekly_started_timestamp_seconds",
    "When the newest weekly batch of a surface was started, the last time, since 1970.",
    "surface",
)
WEEKLY_USERS: Final = _gauge("crossfade_weekly_users", "Users of the newest weekly batch.", "surface")
WEEKLY_DONE: Final = _gauge(
    "crossfade_weekly_done_users", "Users of the newest weekly batch whose shard is finished.", "surface"
)
WEEKLY_FINISH: Final = _gauge(
    "crossfade_weekly_projected_finish_timestamp_seconds",
    "When the newest weekly batch was finished, or will be at its rate since its start, since 1970.",
    "surface",
)
WEEKLY_SHORT: Final = _gauge(
    "crossfade_weekly_short_ratio",
    "Share of finished users of the newest weekly batch whose slate is short for lack of candidates.",
    "surface",
)
WEEKLY_MEDIAN: Final = _gauge(
    "crossfade_weekly_shard_median_seconds",
    "Median time of finished shards of the newest weekly batch.",
    "surface",
)
WEEKLY_SLOWEST: Final = _gauge(
    "crossfade_weekly_shard_slowest_seconds", "Time of its slowest finished shard.", "surface"
)
WEEKLY_SLOW: Final = _gauge(
    "crossfade_weekly_slow_shards_ratio",
    "Share of its shards that were begun, finished or not, that take more than three times the median.",
    "surface",
)
WEEKLY_UNFINISHED: Final = _gauge(
    "crossfade_weekly_unfinished_shard_seconds",
    "For how long its shard that was begun first of those that are not finished has been going on.",
    "surface",
)

BATCH_METRICS: Final = (
    WEEKLY_PLANNED, WEEKLY_STARTED, WEEKLY_USERS, WEEKLY_DONE, WEEKLY_FINISH, WEEKLY_SHORT, WEEKLY_MEDIAN, WEEKLY_SLOWEST,
    WEEKLY_SLOW, WEEKLY_UNFINISHED,
)  # fmt: skip
