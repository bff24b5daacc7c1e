"""What each dashboard shows: panels as queries with a unit, in the order in which they are read."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Panel:
    """One panel.

    Args:
        title: What it answers.
        unit: As Grafana names it.
        queries: Query in PromQL -> legend of its series.
        is_number: Shown as the newest number; else over time.
        limit: A line that must not be passed; None draws none.
    """

    title: str
    unit: str
    queries: dict[str, str]
    is_number: bool = False
    limit: float | None = None


@dataclass(frozen=True)
class Board:
    """One dashboard.

    Args:
        name: Of its file and address.
        title: For people.
        about: For whom, and what it answers.
        panels: In order.
    """

    name: str
    title: str
    about: str
    panels: tuple[Panel, ...]


PRODUCT: Final = Board(
    "product",
    "Crossfade: what listeners get",
    "For product teams: are recommendations fresh, whole and their own?",
    (
        Panel(
            "Age of the live playlists",
            "s",
            {"time() - crossfade_generation_activated_timestamp_seconds": "{{surface}}"},
            is_number=True,
            limit=8 * 86_400,
        ),
        Panel(
            "Listeners with a playlist",
            "short",
            {"crossfade_generation_users": "{{surface}}"},
            is_number=True,
        ),
        Panel(
            "Slates that are short for lack of candidates",
            "percentunit",
            {"crossfade_weekly_short_ratio": "{{surface}}"},
            limit=0.1,
        ),
        Panel(
            "Answers that stand in for the recommender's own",
            "percentunit",
            {
                "sum by (answer) (rate(crossfade_fallbacks_total[10m])) / "
                "scalar(sum(rate(crossfade_http_requests_total[10m])))": "{{answer}}"
            },
            limit=0.05,
        ),
        Panel("Slates shown", "reqps", {"rate(crossfade_exposures_total[10m])": "shown"}),
        Panel(
            "Skips and saves: how near to an alarm",
            "short",
            {'crossfade_drift_threshold_ratio{measure=~"skips|saves"}': "{{measure}}"},
            limit=1,
        ),
        Panel(
            "Experiments: listeners by variant",
            "short",
            {"crossfade_experiment_users": "{{experiment}} {{variant}}"},
        ),
        Panel(
            "Experiments: how much of a guardrail's margin is surely lost",
            "short",
            {
                "crossfade_experiment_guardrail_threshold_ratio": "{{guardrail}} of {{variant}} in {{experiment}}"
            },
            limit=1,
        ),
        Panel(
            "Experiments: how near to a sample ratio mismatch",
            "short",
            {"crossfade_experiment_sample_ratio_threshold_ratio": "{{experiment}}"},
            limit=1,
        ),
    ),
)
MODEL: Final = Board(
    "model",
    "Crossfade: the model",
    "For the people who train it: has listening moved, who is champion, what did alerts lead to?",
    (
        Panel(
            "Age of the champion",
            "s",
            {"time() - crossfade_champion_promoted_timestamp_seconds": "champion"},
            is_number=True,
        ),
        Panel(
            "What the gate decided", "short", {"crossfade_gate_decisions_total": "{{action}}"}, is_number=True
        ),
        Panel(
            "What moved: how near to an alarm",
            "short",
            {"topk(10, crossfade_drift_threshold_ratio)": "{{measure}}"},
            limit=1,
        ),
        Panel(
            "NDCG and spread of scores: how near to an alarm",
            "short",
            {'crossfade_drift_threshold_ratio{measure=~"ndcg|score_spread"}': "{{measure}}"},
            limit=1,
        ),
        Panel(
            "Days with an alarm since the champion learnt",
            "short",
            {"crossfade_drift_alarm_days": "days"},
            is_number=True,
        ),
        Panel(
            "Recall of the index", "percentunit", {"crossfade_index_recall_ratio": "recall"}, is_number=True
        ),
        Panel(
            "Alerts that came to the receiver",
            "short",
            {"increase(crossfade_retraining_alerts_total[1d])": "{{decision}}"},
        ),
        Panel(
            "Trainings that alerts started",
            "short",
            {"crossfade_retraining_active_runs": "at work", "crossfade_retraining_runs_total": "{{result}}"},
        ),
    ),
)
PLATFORM: Final = Board(
    "platform",
    "Crossfade: the platform",
    "For operators: do data, batches and services run as they should?",
    (
        Panel(
            "Age of the newest event",
            "s",
            {"time() - crossfade_lake_newest_event_timestamp_seconds": "newest event"},
            is_number=True,
            limit=36 * 3600,
        ),
        Panel(
            "Age of online features, as a share of what is allowed",
            "percentunit",
            {
                "(time() - crossfade_features_as_of_timestamp_seconds) / crossfade_features_age_limit_seconds": "{{entity}}"
            },
            limit=1,
        ),
        Panel(
            "Broken expectations",
            "short",
            {"crossfade_validation_failed_expectations": "broken"},
            is_number=True,
        ),
        Panel(
            "Requests by status",
            "reqps",
            {"sum by (status) (rate(crossfade_http_requests_total[5m]))": "{{status}}"},
        ),
        Panel(
            "99th percentile of answers",
            "s",
            {
                "histogram_quantile(0.99, sum by (le, route) (rate(crossfade_http_request_seconds_bucket[5m])))": "{{route}}"
            },
            limit=0.5,
        ),
        Panel(
            "Time in the recommender's queue, 99th percentile",
            "s",
            {
                "histogram_quantile(0.99, sum by (le) (rate(crossfade_recommend_queue_seconds_bucket[5m])))": "queue"
            },
        ),
        Panel(
            "Error budget: share of 5xx",
            "percentunit",
            {
                "crossfade_http_errors:ratio_rate5m": "5 minutes",
                "crossfade_http_errors:ratio_rate1h": "1 hour",
                "crossfade_http_errors:ratio_rate6h": "6 hours",
            },
            limit=0.001,
        ),
        Panel(
            "Weekly batch: users done",
            "percentunit",
            {"crossfade_weekly_done_users / crossfade_weekly_users": "{{surface}}"},
        ),
        Panel(
            "Weekly batch: when it will be done, after its start",
            "s",
            {"crossfade_weekly_predicted_seconds": "{{surface}}"},
            limit=24 * 3600,
        ),
        Panel(
            "Parts that cannot be read",
            "short",
            {"crossfade_exporter_unreadable_parts": "{{part}}"},
            is_number=True,
        ),
    ),
)
BOARDS: Final = (PRODUCT, MODEL, PLATFORM)
