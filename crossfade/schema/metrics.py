"""Every metric, declared once: name, kind, meaning and labels, as Prometheus shows them.

Labels are bounded: what may take any number of values (users, tracks) is never one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"  # only rises
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Args:
        name: With its unit.
        kind: How it behaves.
        meaning: One sentence.
        labels: What it is counted by.
        buckets: Upper bounds of a histogram.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


INGEST_MESSAGES: Final = Metric(
    "crossfade_ingest_messages_total",
    Kind.COUNTER,
    "Messages that landed, in bronze or in quarantine.",
    ("layer",),
)
INGEST_BYTES: Final = Metric(
    "crossfade_ingest_bytes_total", Kind.COUNTER, "Bytes of the values of messages that landed."
)
INGEST_BUFFERED: Final = Metric(
    "crossfade_ingest_buffered_messages",
    Kind.GAUGE,
    "Messages that were read and wait for their batch's commit.",
)
INGEST_LAG: Final = Metric(
    "crossfade_ingest_lag_messages",
    Kind.GAUGE,
    "Messages between what bronze holds and the end of the partition, as the broker last told it.",
    ("topic", "partition"),
)
INGEST_COMMIT_SECONDS: Final = Metric(
    "crossfade_ingest_commit_seconds",
    Kind.HISTOGRAM,
    "Time from a full batch to its commit.",
    (),
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
INGEST_LAST_COMMIT: Final = Metric(
    "crossfade_ingest_last_commit_timestamp_seconds",
    Kind.GAUGE,
    "When this consumer last committed, since 1970.",
)
INGEST_FENCED: Final = Metric(
    "crossfade_ingest_fenced_total",
    Kind.COUNTER,
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
FALLBACKS: Final = Metric(
    "crossfade_fallbacks_total",
    Kind.COUNTER,
    "Answers that stood in for the recommender's own, by what they were: stored or popular.",
    ("answer",),
)
EXPOSURES: Final = Metric("crossfade_exposures_total", Kind.COUNTER, "Exposures that were written down.")
EXPOSURES_DROPPED: Final = Metric(
    "crossfade_exposures_dropped_total",
    Kind.COUNTER,
    "Exposures that were lost since writing could not keep up or failed.",
)

INGEST_METRICS: Final = (
    INGEST_MESSAGES,
    INGEST_BYTES,
    INGEST_BUFFERED,
    INGEST_LAG,
    INGEST_COMMIT_SECONDS,
    INGEST_LAST_COMMIT,
    INGEST_FENCED,
    INGEST_LOST,
)
SERVING_METRICS: Final = (
    HTTP_REQUESTS,
    HTTP_SECONDS,
    QUEUE_SECONDS,
    BATCH_REQUESTS,
    FALLBACKS,
    EXPOSURES,
    EXPOSURES_DROPPED,
)
METRICS: Final = (*INGEST_METRICS, *SERVING_METRICS)


class Recorder(Protocol):
    """What code that is measured talks to."""

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """Add to a counter, set a gauge, or observe in a histogram."""


class Unrecorded:
    """A recorder for where nobody looks."""

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """Do nothing."""
