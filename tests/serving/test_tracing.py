"""One trace goes from a client's request through gateway and recommender, and one to the store; off, there is none."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
from grpc import aio
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from crossfade.schema import columns as c
from crossfade.schema.errors import CrossfadeError, InputError, MissingExtraError
from crossfade.schema.metrics import Unrecorded
from serving import tracing
from serving.asgi import Guard
from serving.gateway.online import AwayError, Online
from serving.gateway.stored import Stored
from serving.recommender.rpc import handler_of
from tests.serving.gateways import NOWHERE, chosen

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
SLATE = {c.SLATE_ID: "s", "fallback": None, "tracks": [{c.TRACK_ID: "t", c.PROPENSITY: 1.0}]}


@contextmanager
def spans() -> Iterator[dict[tuple[str, str], ReadableSpan]]:
    """Trace for the block; afterwards its spans by name and kind."""
    exporter, found = InMemorySpanExporter(), {}
    with tracing.traced("test", [SimpleSpanProcessor(exporter)]):
        yield found
    found |= {(span.name, span.kind.name): span for span in exporter.get_finished_spans()}


async def predicted(_: Any) -> dict[str, Any]:
    return {"predictions": [SLATE]}


async def asked(headers: dict[str, str]) -> int:
    """Ask a guarded app that asks a recommender over gRPC, and return the status."""
    model: Any = SimpleNamespace(predict=predicted, explain=predicted)
    server = aio.server()
    server.add_generic_rpc_handlers((handler_of(model, Unrecorded()),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    online = Online(f"grpc://127.0.0.1:{port}", chosen())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        slate = await online.slate({}, due=asyncio.get_running_loop().time() + 10)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": orjson.dumps(slate)})

    guard = Guard(app, max_body_kib=1, recorder=Unrecorded(), route_of=lambda _: "recommend")
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://g") as client:
            return (await client.post("/v1/recommend", headers=headers)).status_code
    finally:
        await online.close()
        await server.stop(None)


def test_a_request_is_one_trace_through_gateway_and_recommender() -> None:
    with spans() as found:
        assert asyncio.run(asked(PARENT)) == 200
    request = found["POST recommend", "SERVER"]
    call, answer = (found["crossfade.Recommender/Predict", kind] for kind in ("CLIENT", "SERVER"))
    assert {f"{span.context.trace_id:032x}" for span in found.values()} == {TRACE}
    assert f"{request.parent.span_id:016x}" == "b7ad6b7169203331"
    assert (call.parent.span_id, answer.parent.span_id) == (request.context.span_id, call.context.span_id)
    assert request.attributes == {"http.response.status_code": 200}
    assert request.resource.attributes["service.name"] == "test"


def test_without_a_caller_a_trace_of_its_own_begins() -> None:
    with spans() as found:
        asyncio.run(asked({}))
    assert found["POST recommend", "SERVER"].parent is None


def test_a_read_of_the_store_has_a_span_and_one_that_fails_is_marked() -> None:
    def get(surface: str, user: str) -> None:
        if user == "broken":
            raise CrossfadeError("It is away.")

    store: Any = SimpleNamespace(packed=get, reads=lambda: None)
    stored = Stored(store, is_remote=True, retry_ms=1)
    with spans() as found:
        asyncio.run(stored.get("radio", "u"))
    assert found["stored radio", "INTERNAL"].status.status_code is StatusCode.UNSET
    with spans() as found, pytest.raises(AwayError, match="It is away"):
        asyncio.run(stored.get("radio", "broken"))
    assert found["stored radio", "INTERNAL"].status.status_code is StatusCode.ERROR


def test_a_call_that_nobody_answers_is_marked() -> None:
    async def away() -> None:
        online = Online(NOWHERE, chosen())
        with pytest.raises(AwayError):
            await online.slate({}, due=asyncio.get_running_loop().time() + 5)
        await online.close()

    with spans() as found:
        asyncio.run(away())
    assert found["crossfade.Recommender/Predict", "CLIENT"].status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("environment", [{}, {tracing.EXPORTERS: "none"}, {tracing.EXPORTERS: ""}])
def test_off_there_is_no_trace(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tracing.EXPORTERS, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tracing.begin("test")
    assert tracing.carried() is None
    assert tracing.span("a") is tracing.sent("b") is tracing.received("c", ())


def test_the_environment_names_the_exporter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_tracer", None)
    monkeypatch.setenv(tracing.EXPORTERS, "jaegre")
    with pytest.raises(
        InputError, match=r"OTEL_TRACES_EXPORTER='jaegre': no exporter .*; there are: console"
    ):
        tracing.begin("test")
    monkeypatch.setenv(tracing.EXPORTERS, "console")
    monkeypatch.setenv(tracing.DISABLED, "true")
    tracing.begin("test")
    assert tracing.carried() is None
    monkeypatch.delenv(tracing.DISABLED)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "other")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")  # nothing may be printed
    tracing.begin("test")
    with tracing.span("a") as span:
        assert not span.is_recording()
        flags = dict(tracing.carried() or ())["traceparent"].rpartition("-")[2]
        assert not int(flags, 16) & 1  # not sampled


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    with pytest.raises(MissingExtraError, match="tracing"), tracing.traced("test", []):
        pass
