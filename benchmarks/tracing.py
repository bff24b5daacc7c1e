"""What traces cost a request, on and off: its three spans and its metadata, against the guard that every request passes."""

import asyncio
from typing import Final

from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks.harness import Bar, Options, Result, in_turn, median_and_spread
from crossfade.schema.metrics import Unrecorded
from serving import tracing
from serving.asgi import Guard, Message, Receive, Scope, Send, respond

REQUESTS: Final = 5_000
REPEATS: Final = 7
MICROSECONDS: Final = 1e6
MOST_OFF: Final = 5.0  # microseconds; a hundredth of the 500 that a gateway takes for a request
SCOPE: Final[Scope] = {"type": "http", "method": "POST", "path": "/v1/recommend", "headers": []}


def run(options: Options) -> Result:
    """Time what a request adds for traces, and the guard around an empty answer, in turn in one process."""
    number = REQUESTS // 10 if options.quick else REQUESTS
    exporter = InMemorySpanExporter()
    processors = [BatchSpanProcessor(exporter)]

    def on() -> None:
        with tracing.traced("bench", processors):
            _spans(number)
        exporter.clear()

    sides = {
        "nothing": lambda: _nothing(number),
        "off": lambda: _spans(number),
        "on": on,
        "guard": lambda: _guarded(number),
    }
    taken = in_turn(sides, REPEATS)
    middle = {
        name: median_and_spread([each / number * MICROSECONDS for each in found])
        for name, found in taken.items()
    }
    added = {name: middle[name][0] - middle["nothing"][0] for name in ("off", "on")}
    figures: dict[str, float | int | str | bool] = {
        "quick": options.quick,
        "off_microseconds_a_request": round(added["off"], 3),
        "on_microseconds_a_request": round(added["on"], 1),
        "guard_microseconds_a_request": round(middle["guard"][0], 1),
    }
    spread = ", ".join(f"{name} {value:.2f}" for name, (_, value) in middle.items())
    notes = [f"Medians of {REPEATS} rounds of {number:,} requests; between their quartiles: {spread}."]
    return Result(figures, {"off_microseconds_a_request": Bar(added["off"], at_most=MOST_OFF)}, notes)


def _nothing(number: int) -> None:
    for _ in range(number):
        pass


def _spans(number: int) -> None:
    """Begin and end what a recommendation has: the request, the call with its metadata, a read of the store."""
    for _ in range(number):
        with tracing.received("POST recommend", ()) as span:
            with tracing.sent("crossfade.Recommender/Predict"):
                tracing.carried()
            with tracing.span("stored discover_weekly"):
                pass
            span.set_attribute("http.response.status_code", 200)


def _guarded(number: int) -> None:
    async def answer(_: Scope, __: Receive, send: Send) -> None:
        await respond(send, 200, {})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_: Message) -> None: ...

    async def all_of_them() -> None:
        guard = Guard(answer, max_body_kib=1, recorder=Unrecorded(), route_of=lambda _: "recommend")
        for _ in range(number):
            await guard(dict(SCOPE), receive, send)

    asyncio.run(all_of_them())
