"""Settings of monitoring: when listening has drifted, and what may start a retraining."""

from typing import Annotated

from pydantic import Field

from crossfade.schema.section import Count, Positive, Section, Share


class DriftSettings(Section):
    """What drift is looked for in, and how much of it is an alarm."""

    reference_weeks: Annotated[int, Field(ge=4)]
    groups: Count
    min_listens: Count
    false_alarms_per_month: Annotated[float, Field(gt=0, le=15)]
    min_mix: Share
    min_shift: Share
    min_rate: Share
    min_volume: Positive
    min_direction: Share
    min_loss: Share
    min_level: Positive
    users: Count


class ReceiverSettings(Section):
    """What the retraining receiver accepts, and how often it starts a run."""

    max_body_kib: Count
    max_alerts: Count
    cooldown_hours: Annotated[float, Field(ge=0)]
    runs_per_day: Count
    attempts: Count
    backoff_seconds: Positive
    recheck_seconds: Positive
    lock_hours: Positive
    dry_run: bool
