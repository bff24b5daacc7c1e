"""Shows metrics to Prometheus over HTTP."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import product

from crossfade.schema.errors import InputError, MissingExtraError
from crossfade.schema.metric import Kind, Metric

try:
    from prometheus_client import (
        CollectorRegistry,
        Counter,
        Gauge,
        Histogram,
        generate_latest,
        start_http_server,
    )
    from prometheus_client.metrics_core import Metric as MetricFamily
    from prometheus_client.registry import Collector
except ImportError as error:
    raise MissingExtraError("prometheus-client", "kafka") from error


class Exposition:
    """A recorder whose values Prometheus can read; one registry of its own.

    Labels of which all values are known are shown from the start.

    Args:
        metrics: What may be recorded.
    """

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self.registry = CollectorRegistry()
        self._collectors = {metric.name: self._collector(metric) for metric in metrics}
        self._recording: dict[tuple[object, ...], Callable[[float], None]] = {}

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """Add to a counter, set a gauge, or observe in a histogram."""
        key = (metric.name, *labels.items())
        # To find a child among a collector's takes as long as to count by it.
        if key not in self._recording:
            self._recording[key] = self._recorded(metric, labels)
        self._recording[key](value)

    def _recorded(self, metric: Metric, labels: dict[str, str]) -> Callable[[float], None]:
        collector = self._collectors[metric.name]
        found = collector.labels(**labels) if metric.labels else collector
        if isinstance(found, Counter):
            return found.inc
        return found.set if isinstance(found, Gauge) else found.observe

    def text(self) -> bytes:
        """Return all values in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)

    def _collector(self, metric: Metric) -> Counter | Gauge | Histogram:
        if metric.kind is Kind.HISTOGRAM:
            return Histogram(
                metric.name, metric.meaning, metric.labels, registry=self.registry, buckets=metric.buckets
            )
        kind = Counter if metric.kind is Kind.COUNTER else Gauge
        made = kind(metric.name, metric.meaning, metric.labels, registry=self.registry)
        for values in product(*metric.values) if metric.values else ():
            made.labels(*values)
        return made


class Fresh(Collector):
    """Metrics that are made anew whenever Prometheus asks for them.

    Args:
        make: Returns what to show now.
    """

    def __init__(self, make: Callable[[], Exposition]) -> None:
        self._make = make
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def describe(self) -> Iterable[MetricFamily]:
        """Tell no names beforehand, so that registering asks for no values."""
        return ()

    def collect(self) -> Iterable[MetricFamily]:
        """Return what there is to show now."""
        return self._make().registry.collect()


@contextmanager
def served(exposition: Exposition | Fresh, host: str, port: int) -> Iterator[int]:
    """Answer `GET /metrics` for the block.

    Args:
        exposition: What to show.
        host: Address to listen on.
        port: 0 takes a free one.

    Yields:
        The port.

    Raises:
        InputError: The address cannot be listened on.
    """
    try:
        server, thread = start_http_server(port, host, exposition.registry)
    except OSError as error:
        raise InputError(f"Metrics cannot be shown at {host}:{port}: {error}; name another port.") from error
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
