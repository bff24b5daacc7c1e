"""Every metric, declared once: name, kind, meaning and labels, as Prometheus shows them.

Labels are bounded: what may take any number of values (users, tracks) is never one.
"""

from typing import Final, Protocol

from crossfade.schema.batch_metrics import BATCH_METRICS
from crossfade.schema.metric import Kind, Metric
from crossfade.schema.tables import Surface


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, meaning, labels)


def _counter(name: str, meaning: str, **values: tuple[str, ...]) -> Metric:
    return Metric(name, Kind.COUNTER, meaning, tuple(values), values=tuple(values.values()))


INGEST_MESSAGES: Final = _counter(
    "crossfade_ingest_messages_total",
    "Messages that landed, in bronze or in quarantine.",
    layer=("bronze", "quarantine"),
)
INGEST_BYTES: Final = _counter("crossfade_ingest_bytes_total", "Bytes of the values of messages that landed.")
INGEST_BUFFERED: Final = _gauge(
    "crossfade_ingest_buffered_messages", "Messages that were read and wait for their batch's commit."
)
INGEST_LAG: Final = _gauge(
    "crossfade_ingest_lag_messages",
    "Messages between what bronze holds and the end of the partition, as the broker last told it.",
    *("topic", "partition"),
)
INGEST_COMMIT_SECONDS: Final = Metric(
    "crossfade_ingest_commit_seconds",
    Kind.HISTOGRAM,
    "Time from a full batch to its commit.",
    (),
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
INGEST_LAST_COMMIT: Final = _gauge(
    "crossfade_ingest_last_commit_timestamp_seconds", "When this consumer last committed, since 1970."
)
INGEST_FENCED: Final = _counter(
    "crossfade_ingest_fenced_total",
    "Batches that were thrown away because another consumer had moved one of their partitions.",
)
INGEST_LOST: Final = Metric(
    "crossfade_ingest_lost_total",
    Kind.COUNTER,
    "Messages that the broker had removed before they were read, passed over because that was allowed.",
    ("topic",),
)


_LATENCIES: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
HTTP_REQUESTS: Final = Metric(
    "crossfade_http_requests_total",
    Kind.COUNTER,
    "Requests answered, by route and status code.",
    ("route", "status"),
)
HTTP_SECONDS: Final = Metric(
    "crossfade_http_request_seconds",
    Kind.HISTOGRAM,
    "Time from a request's headers to the end of its answer.",
    ("route",),
    _LATENCIES,
)
QUEUE_SECONDS: Final = Metric(
    "crossfade_recommend_queue_seconds",
    Kind.HISTOGRAM,
    "Time that a request waited for the recommender's worker.",
    (),
    _LATENCIES,
)
BATCH_REQUESTS: Final = Metric(
    "crossfade_recommend_batch_requests",
    Kind.HISTOGRAM,
    "Requests that were answered together.",
    (),
    (1, 2, 4, 8, 16, 32),
)
FALLBACKS: Final = _counter(
    "crossfade_fallbacks_total",
    "Answers that stood in for the recommender's own, by what they were: control, stored or popular.",
    answer=("control", "stored", "popular"),
)
HEDGES: Final = _counter(
    "crossfade_hedges_total", "Requests that were sent a second time since the first was slow."
)
EXPOSURES: Final = _counter("crossfade_exposures_total", "Exposures that were written down.")
EXPOSURES_DROPPED: Final = _counter(
    "crossfade_exposures_dropped_total", "Exposures that were lost since writing could not keep up or failed."
)
EXPERIMENT_CHANGES: Final = _counter(
    "crossfade_experiment_changes_total",
    "Changes of the experiments' manifests, by what the gateway did: took them up, or refused them and went on as before.",
    result=("taken", "refused"),
)

# What is read from workspace and lake at each scrape (monitoring/exporter).
PARTS: Final = (
    "lake",
    "validation",
    "drift",
    "champion",
    "generations",
    "batches",
    "experiments",
    "features",
)
SURFACES: Final = tuple(str(surface) for surface in Surface)
UNREADABLE: Final = Metric(
    "crossfade_exporter_unreadable_parts",
    Kind.GAUGE,
    "1 where a part of workspace or lake could not be read, so that its metrics are missing.",
    ("part",),
    values=(PARTS,),
)
NEWEST_EVENT: Final = _gauge(
    "crossfade_lake_newest_event_timestamp_seconds", "When the lake's newest event happened, since 1970."
)
VALIDATED: Final = _gauge(
    "crossfade_validation_last_run_timestamp_seconds", "When the lake was last validated, since 1970."
)
BROKEN: Final = _gauge(
    "crossfade_validation_failed_expectations", "Expectations that the last validation found broken."
)
DRIFT_CHECKED: Final = _gauge(
    "crossfade_drift_last_run_timestamp_seconds", "When drift was last looked for, since 1970."
)
DRIFT: Final = _gauge(
    "crossfade_drift_threshold_ratio",
    "How near the furthest group of a measure came to an alarm on the last day; from 1 on it is one.",
    "measure",
)
DRIFT_ALARM_DAYS: Final = _gauge(
    "crossfade_drift_alarm_days", "Days since the champion's window on which anything strayed."
)
PROMOTED: Final = _gauge(
    "crossfade_champion_promoted_timestamp_seconds", "When the champion was promoted, since 1970."
)
GATE_DECISIONS: Final = _counter(
    "crossfade_gate_decisions_total",
    "Lines of the promotion log, by what was done.",
    action=("promote", "refuse", "rollback", "replace"),
)
INDEX_RECALL: Final = _gauge(
    "crossfade_index_recall_ratio", "Recall of the champion's vector index against exact search."
)
GENERATION_ACTIVATED: Final = _gauge(
    "crossfade_generation_activated_timestamp_seconds",
    "When readers of a surface were switched to its live generation, since 1970.",
    "surface",
)
GENERATION_USERS: Final = _gauge(
    "crossfade_generation_users", "Users with a slate in the live generation.", "surface"
)
FEATURES_AS_OF: Final = _gauge(
    "crossfade_features_as_of_timestamp_seconds",
    "Of when the online features of an entity are, since 1970.",
    "entity",
)
FEATURES_AGE_LIMIT: Final = _gauge(
    "crossfade_features_age_limit_seconds", "How old they may be when they are used.", "entity"
)

# What rollouts of experiments leave in their histories, until a week after an experiment's end.
EXPERIMENT_BEGAN: Final = _gauge(
    "crossfade_experiment_began_timestamp_seconds", "When an experiment began.", "experiment"
)
EXPERIMENT_ENDED: Final = _gauge(
    "crossfade_experiment_ended_timestamp_seconds", "When it ended, by what ended it.", "experiment", "action"
)
EXPERIMENT_LOOKED: Final = _gauge(
    "crossfade_experiment_looked_timestamp_seconds", "When the lake last decided on it.", "experiment"
)
EXPERIMENT_USERS: Final = _gauge(
    "crossfade_experiment_users", "Users of a variant in the running step.", "experiment", "variant"
)
EXPERIMENT_GUARDRAIL: Final = _gauge(
    "crossfade_experiment_guardrail_threshold_ratio",
    "How much of a guardrail's margin is surely lost; above 1 it is harmed.",
    *("experiment", "variant", "guardrail"),
)
EXPERIMENT_SAMPLE_RATIO: Final = _gauge(
    "crossfade_experiment_sample_ratio_threshold_ratio",
    "Logarithm of the p-value that users were assigned as allocated, over that of its limit; above 1 is a mismatch.",
    "experiment",
)

# What the retraining receiver counts.
RETRAINING_ALERTS: Final = _counter(
    "crossfade_retraining_alerts_total",
    "Alerts that came, by what was made of them.",
    decision=("resolved", "not_asked", "duplicate", "busy", "cooldown", "budget", "dry_run", "start"),
)
RETRAINING_REFUSED: Final = _counter(
    "crossfade_retraining_refused_requests_total",
    "Messages that were refused, by status code: no token (401), too large (413), no webhook (400), not noted (503).",
    status=("400", "401", "413", "503"),
)
RETRAINING_ATTEMPTS: Final = _counter(
    "crossfade_retraining_attempts_total",
    "Attempts to run or submit a training, by how they ended.",
    result=("ended", "failed"),
)
RETRAINING_RUNS: Final = _counter(
    "crossfade_retraining_runs_total",
    "Runs, by how they ended; failed after their last attempt.",
    result=("finished", "failed"),
)
RETRAINING_ACTIVE: Final = _gauge("crossfade_retraining_active_runs", "Runs that are wanted or at work.")
RETRAINING_LAST: Final = _gauge(
    "crossfade_retraining_last_wanted_timestamp_seconds", "When a run was last wanted, since 1970; 0: never."
)

# What the watch over guardrails counts (crossfade experiment watch).
GUARDRAIL_LOOKS: Final = _counter(
    "crossfade_guardrail_looks_total",
    "Looks at the alarms of an experiment, by how they ended: looked, or Prometheus was away, or something refused.",
    result=("looked", "away", "refused"),
)
GUARDRAIL_LAST_LOOK: Final = _gauge(
    "crossfade_guardrail_last_look_timestamp_seconds",
    "When all running experiments were last looked at without an obstacle, since 1970; 0: never.",
)
GUARDRAIL_ROLLBACKS: Final = _counter(
    "crossfade_guardrail_rollbacks_total", "Experiments that an alarm rolled back."
)

INGEST_METRICS: Final = (
    INGEST_MESSAGES, INGEST_BYTES, INGEST_BUFFERED, INGEST_LAG, INGEST_COMMIT_SECONDS, INGEST_LAST_COMMIT,
    INGEST_FENCED, INGEST_LOST,
)  # fmt: skip
SERVING_METRICS: Final = (
    HTTP_REQUESTS, HTTP_SECONDS, QUEUE_SECONDS, BATCH_REQUESTS, FALLBACKS, HEDGES, EXPOSURES, EXPOSURES_DROPPED,
    EXPERIMENT_CHANGES,
)  # fmt: skip
STATE_METRICS: Final = (
    UNREADABLE, NEWEST_EVENT, VALIDATED, BROKEN, DRIFT_CHECKED, DRIFT, DRIFT_ALARM_DAYS, PROMOTED, GATE_DECISIONS,
    INDEX_RECALL, GENERATION_ACTIVATED, GENERATION_USERS, *BATCH_METRICS, FEATURES_AS_OF, FEATURES_AGE_LIMIT,
    EXPERIMENT_BEGAN, EXPERIMENT_ENDED, EXPERIMENT_LOOKED, EXPERIMENT_USERS, EXPERIMENT_GUARDRAIL,
    EXPERIMENT_SAMPLE_RATIO,
)  # fmt: skip
RECEIVER_METRICS: Final = (
    RETRAINING_ALERTS,
    RETRAINING_REFUSED,
    RETRAINING_ATTEMPTS,
    RETRAINING_RUNS,
    RETRAINING_ACTIVE,
    RETRAINING_LAST,
)
WATCH_METRICS: Final = (GUARDRAIL_LOOKS, GUARDRAIL_LAST_LOOK, GUARDRAIL_ROLLBACKS)
METRICS: Final = (*INGEST_METRICS, *SERVING_METRICS, *STATE_METRICS, *RECEIVER_METRICS, *WATCH_METRICS)


class Recorder(Protocol):
    """What code that is measured talks to."""

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """Add to a counter, set a gauge, or observe in a histogram."""


class Unrecorded:
    """A recorder for where nobody looks."""

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """Do nothing."""
