"""Traces across gateway, recommender and store, by OpenTelemetry; off unless `OTEL_TRACES_EXPORTER` names an exporter.

All else is OpenTelemetry's own: `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_PROPAGATORS`, `OTEL_BSP_*`, `OTEL_SDK_DISABLED`
and those of the exporter mean what they always mean. Context comes in and goes on over HTTP headers and gRPC metadata. A span
names no listener.

While tracing is off, a span is one shared object that does nothing, and no library is loaded.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

from crossfade.schema.errors import InputError, MissingExtraError

EXPORTERS: Final = "OTEL_TRACES_EXPORTER"
DISABLED: Final = "OTEL_SDK_DISABLED"
GROUP: Final = "opentelemetry_traces_exporter"  # entry points of exporters, by the name that the variable has
NONE: Final = "none"

Headers = Iterable[tuple[bytes | str, bytes | str]]


class Span(Protocol):
    """What code that is traced may say of its span."""

    def set_attribute(self, key: str, value: str | int) -> None:
        """Note an attribute."""


class _Nothing:
    def set_attribute(self, key: str, value: str | int) -> None: ...


_OFF: Final[AbstractContextManager[Span]] = nullcontext(_Nothing())
_tracer: Any = None  # of OpenTelemetry; its libraries hold theirs for the whole process, too


def begin(service: str) -> None:
    """Trace from here on, for the life of the process, where the environment asks for it.

    Args:
        service: The service's name where `OTEL_SERVICE_NAME` gives none.

    Raises:
        InputError: No exporter of that name is installed.
        MissingExtraError: OpenTelemetry is not installed.
    """
    global _tracer
    named = [name.strip() for name in os.environ.get(EXPORTERS, "").split(",")]
    wanted = [name for name in named if name not in ("", NONE)]
    if wanted and os.environ.get(DISABLED, "").lower() != "true":
        exporters = [_exporter(name) for name in wanted]
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        _tracer = _made(service, [BatchSpanProcessor(exporter) for exporter in exporters])


@contextmanager
def traced(service: str, processors: Iterable[Any]) -> Iterator[None]:
    """Trace for the block, to OpenTelemetry's span processors, whatever the environment says."""
    global _tracer
    before, _tracer = _tracer, _made(service, processors)
    try:
        yield
    finally:
        _tracer = before


def span(name: str) -> AbstractContextManager[Span]:
    """Return a span inside of the present one."""
    return _OFF if _tracer is None else _tracer.start_as_current_span(name)


def sent(name: str) -> AbstractContextManager[Span]:
    """Return the span of a call to another service."""
    if _tracer is None:
        return _OFF
    from opentelemetry.trace import SpanKind

    found: AbstractContextManager[Span] = _tracer.start_as_current_span(name, kind=SpanKind.CLIENT)
    return found


def received(name: str, headers: Headers) -> AbstractContextManager[Span]:
    """Return the span of a request that came in; it belongs to the trace that its headers or metadata tell of."""
    if _tracer is None:
        return _OFF
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind

    carrier = {_text(key): _text(value) for key, value in headers}
    found: AbstractContextManager[Span] = _tracer.start_as_current_span(
        name, context=extract(carrier), kind=SpanKind.SERVER
    )
    return found


def carried() -> tuple[tuple[str, str], ...] | None:
    """Return the gRPC metadata that takes the present trace on; None while tracing is off."""
    if _tracer is None:
        return None
    from opentelemetry.propagate import inject

    carrier: dict[str, str] = {}
    inject(carrier)
    return tuple(carrier.items())


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _made(service: str, processors: Iterable[Any]) -> Any:
    trace, resources = _import_sdk()
    named: Mapping[str, str] = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": service}
    provider = trace.TracerProvider(resource=resources.Resource.create(named))
    for processor in processors:
        provider.add_span_processor(processor)
    return provider.get_tracer("crossfade")


def _exporter(name: str) -> Any:
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        known = ", ".join(sorted(each.name for each in entry_points(group=GROUP))) or NONE
        raise InputError(
            f"{EXPORTERS}={name!r}: no exporter of that name is installed; there are: {known}. "
            "Install its package, for example opentelemetry-exporter-otlp-proto-http for otlp."
        )
    return found[0].load()()


def _import_sdk() -> Any:
    try:
        from opentelemetry.sdk import resources, trace
    except ImportError as error:
        raise MissingExtraError("opentelemetry", "tracing") from error
    return trace, resources
