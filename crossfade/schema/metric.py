"""What a metric is."""

from dataclasses import dataclass
from enum import StrEnum


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
        values: Of each label all that it may be, where that is known: these are shown as 0 from the start, since
            what was never shown
            cannot be told from what is broken.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()
