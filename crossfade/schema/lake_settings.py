"""Sections of the settings that say how listening is received, marked, kept private and checked."""

from typing import Annotated, Literal

from pydantic import Field

from crossfade.schema.section import Amount, Count, Positive, Section, Share


class LakeSettings(Section):
    """How silver and gold read events."""

    session_gap_minutes: Count
    positive_ms: Amount
    positive_share: Share
    early_skip_ms: Amount
    late_skip_ms: Amount
    save_strength: Positive
    future_tolerance_minutes: Amount
    lateness_days: Count
    reopen_share: Share
    rebuild_rows: Amount
    engine: Literal["duckdb", "spark"]
    spark_master: Annotated[str, Field(min_length=1)]
    memory_gib: Positive


class UpkeepSettings(Section):
    """What is kept of a lake, and in files of which size."""

    bronze_days: Amount
    exposure_days: Amount
    version_days: Count
    file_mib: Count


class StreamSettings(Section):
    """Batches of a stream into bronze."""

    batch_rows: Count
    batch_mib: Count
    batch_seconds: Positive
    queue_mib: Annotated[int, Field(ge=1, le=2047)]


class BotSettings(Section):
    """What machines and intruders are told by."""

    just_over_ms: Count
    loop_plays: Count
    loop_share: Share
    loop_artist_share: Share
    metronome_plays: Annotated[int, Field(ge=3)]
    metronome_spread: Positive
    metronome_gap_seconds: Count
    metronome_filled: Share
    metronome_pause_seconds: Count
    awake_hours: Annotated[int, Field(ge=2)]
    intruder_plays: Count
    intruder_known_share: Share
    journey_known_share: Share
    intruder_jumps: Count
    travel_minutes: Amount
    travel_jumps: Count
    account_share: Share
    score: Positive
    score_cap: Positive
    score_plays: Count
    score_prior_plays: Amount


class PrivacySettings(Section):
    """Under which names users stand."""

    pseudonymise: bool


class QualitySettings(Section):
    """Limits of the expectations."""

    max_unknown_track_share: Share
    max_null_share: Share
    min_volume_ratio: Share
    max_stale_days: Amount
    max_quarantined_share: Share
