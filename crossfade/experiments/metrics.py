"""Metrics of experiments, from what each user did after the first exposure and before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import pyarrow as pa

from crossfade.experiments.statistics.moments import Doubles, Moments, adjusted, linearised
from crossfade.lake.participants import (
    BEFORE,
    DAYS_ACTIVE,
    DISCOVERED,
    DWELL_SECONDS,
    PLAYS,
    POSITIVES,
    RETURNED,
    SAVED,
    SESSIONS,
    SKIPS,
)
from crossfade.schema.errors import InputError


@dataclass(frozen=True)
class UserMetric:
    """A mean over users, or with `per` a ratio of two sums over users.

    Args:
        counted: Column of `participants.COUNTS`.
        per: Column below; None is for each user.
        meaning: For people.
    """

    counted: str
    per: str | None
    meaning: str


METRICS: Final[Mapping[str, UserMetric]] = MappingProxyType(
    {
        "plays": UserMetric(PLAYS, None, "plays a user, however short"),
        "positive_plays": UserMetric(POSITIVES, None, "plays a user that were wanted (lake.positive_ms)"),
        "saves": UserMetric(SAVED, None, "saves, likes and playlist adds a user"),
        "days_active": UserMetric(DAYS_ACTIVE, None, "days on which a user listened"),
        "skip_rate": UserMetric(SKIPS, PLAYS, "share of plays that were skipped early"),
        "save_rate": UserMetric(SAVED, PLAYS, "saves for each play"),
        "discovery_ratio": UserMetric(
            DISCOVERED, PLAYS, "share of plays of what the user had not saved before"
        ),
        "discovery_save_rate": UserMetric(
            SAVED, DISCOVERED, "saves for each play of what the user had not saved before"
        ),
        "session_length": UserMetric(PLAYS, SESSIONS, "plays for each session"),
        "dwell_time": UserMetric(
            DWELL_SECONDS, None, "seconds a user listened to what the experiment's slates had shown"
        ),
        "return_rate": UserMetric(
            RETURNED, None, "share of users who listened a week or more after their first exposure"
        ),
    }
)


def metric(name: str) -> UserMetric:
    """Return a metric by its name.

    Raises:
        InputError: There is none of this name.
    """
    if name not in METRICS:
        raise InputError(f"Metric {name!r} does not exist; choose one of: {', '.join(METRICS)}.")
    return METRICS[name]


def moments(name: str, arms: Mapping[str, pa.Table]) -> dict[str, Moments]:
    """Return the moments of a metric in each arm that has somebody to tell of it.

    Out of means, what the same users did before is taken (CUPED); ratios are linearised.

    Args:
        name: In `METRICS`.
        arms: Variant -> table of `participants.behaviour`.
    """
    told = metric(name)
    if told.per is None:
        full = {arm: table for arm, table in arms.items() if len(table)}
        values = [_column(table, told.counted) for table in full.values()]
        earlier = [_column(table, told.counted + BEFORE) for table in full.values()]
        cleared = adjusted(values, earlier) if full else []
        return {arm: Moments.of(one) for arm, one in zip(full, cleared, strict=True)}
    pairs = {arm: (_column(table, told.counted), _column(table, told.per)) for arm, table in arms.items()}
    return {arm: linearised(*pair) for arm, pair in pairs.items() if pair[1].any()}


def _column(table: pa.Table, name: str) -> Doubles:
    return np.asarray(table.column(name).to_numpy(), np.float64)
