"""Whether an alert starts a training: a pure function of the alert and of what was started before."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from crossfade.schema.monitoring_settings import ReceiverSettings
from monitoring.receiver.webhook import Alert

HOUR_SECONDS: Final = 3600
DAY_SECONDS: Final = 86_400


class Decision(StrEnum):
    """What is made of an alert; the first that applies, in this order."""

    RESOLVED = "resolved"  # it has ended: nothing to do
    NOT_ASKED = "not_asked"  # its rule does not ask for a training
    DUPLICATE = "duplicate"  # this very alert has led to a run within the cool-down
    BUSY = "busy"  # a run is wanted or at work
    COOLDOWN = "cooldown"  # a run was wanted too short a time ago
    BUDGET = "budget"  # the day's runs are used up
    DRY_RUN = "dry_run"  # it would start one
    START = "start"


@dataclass(frozen=True)
class History:
    """What was started before.

    Args:
        is_busy: Whether a run is wanted or at work, and has not outlived its lock.
        last_wanted: When a run was last wanted, seconds since 1970; None: never.
        last_of_alert: ... by this alert's fingerprint.
        of_day: Runs wanted in the last 24 hours.
    """

    is_busy: bool
    last_wanted: float | None
    last_of_alert: float | None
    of_day: int


def decide(alert: Alert, before: History, now: float, settings: ReceiverSettings) -> Decision:
    """Decide on one alert.

    Args:
        alert: As it came.
        before: As it stands at the same moment.
        now: Seconds since 1970.
        settings: Cool-down, budget and dry run.
    """
    cooldown = settings.cooldown_hours * HOUR_SECONDS
    if alert.status == "resolved":
        return Decision.RESOLVED
    if not alert.wants_retraining:
        return Decision.NOT_ASKED
    if before.last_of_alert is not None and now - before.last_of_alert < cooldown:
        return Decision.DUPLICATE
    if before.is_busy:
        return Decision.BUSY
    if before.last_wanted is not None and now - before.last_wanted < cooldown:
        return Decision.COOLDOWN
    if before.of_day >= settings.runs_per_day:
        return Decision.BUDGET
    return Decision.DRY_RUN if settings.dry_run else Decision.START
