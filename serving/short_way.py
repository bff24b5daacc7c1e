"""uvicorn's protocol with a short way: requests of one URL are answered past ASGI, whose messages and layers cost as much.

What is not plain goes the usual way: bodies in chunks or too long, other methods and URLs, a request that is sent before the last
one is answered.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from crossfade.schema.metrics import HTTP_REQUESTS, HTTP_SECONDS, Recorder
from serving import tracing
from serving.asgi import GONE, JSON, Headers
from serving.direct import Reply

logger = logging.getLogger(__name__)

FAULT: Final = "The server failed; it has noted why."
POST: Final = b"POST"
CLOSE: Final = b"connection: close\r\n"


@dataclass(frozen=True)
class ShortWay:
    """Which requests go it, and who answers them.

    Args:
        url: Of the requests, as it stands in their first line; they are POSTs.
        is_plain: Tells by their headers.
        reply: Answers a body; must not raise.
        max_bytes: Longest body.
        route: Their route's name.
        recorder: Told of requests.
    """

    url: bytes
    is_plain: Callable[[Headers], bool]
    reply: Callable[[bytes], Awaitable[Reply]]
    max_bytes: int
    route: str
    recorder: Recorder

    def takes(self, headers: Headers) -> bool:
        """Return whether a request for its URL goes the short way: plain, and of a length that is told and allowed."""
        lengths = [value for name, value in headers if name == b"content-length"]
        is_short = len(lengths) == 1 and lengths[0].isdigit() and int(lengths[0]) <= self.max_bytes
        return is_short and self.is_plain(headers)

    def record(self, status: int, since: float) -> None:
        """Count a request, and how long it took since a moment."""
        self.recorder.record(HTTP_REQUESTS, 1, route=self.route, status=str(status))
        self.recorder.record(HTTP_SECONDS, time.monotonic() - since, route=self.route)


class _Unheard:
    """Stands where uvicorn's own requests have an event, which wakes who waits for more of a body; here nobody does."""

    def set(self) -> None: ...


_UNHEARD: Final = _Unheard()


@dataclass
class _Call:
    """A request under way; what uvicorn asks of its own ones bears the same names."""

    headers: Headers
    keep_alive: bool
    since: float
    body: bytearray = field(default_factory=bytearray)
    message_event: _Unheard = _UNHEARD
    is_whole: bool = False
    disconnected: bool = False
    response_complete: bool = False


class ShortWayProtocol(HttpToolsProtocol):
    """One connection; the base class saves us HTTP, and answers all that does not go the short way.

    Args:
        short: Which requests do.
        arguments: The base class' own.
    """

    def __init__(self, *, short: ShortWay, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._short = short

    def on_headers_complete(self) -> None:
        """Begin a request."""
        is_free = self.cycle is None or self.cycle.response_complete
        if not (
            is_free
            and self.url == self._short.url
            and self.parser.get_method() == POST
            and self.parser.get_http_version() == "1.1"
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and self._short.takes(self.headers)
        ):
            super().on_headers_complete()
            return
        self.cycle: Any = _Call(self.headers, self.parser.should_keep_alive(), time.monotonic())

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if self._is_open():
            self.cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer a request that is whole."""
        if not self._is_open():
            super().on_message_complete()
            return
        self.cycle.is_whole = True
        task = self.loop.create_task(self._answer(self.cycle))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a client that left before its request was whole."""
        if self._is_open():
            self._short.record(GONE, self.cycle.since)
        super().connection_lost(exc)

    def _is_open(self) -> bool:
        """Return whether more of a request of ours may come; what uvicorn refuses leaves the last one where it was."""
        return isinstance(self.cycle, _Call) and not self.cycle.is_whole

    async def _answer(self, call: _Call) -> None:
        short, status = self._short, 500
        try:
            with tracing.received(f"POST {short.route}", call.headers) as span:
                reply = await short.reply(bytes(call.body))
                span.set_attribute("http.response.status_code", reply.status)
            if self.flow.write_paused and not call.disconnected:
                await self.flow.drain()
            self._write(call, reply)
            status = reply.status
        except BaseException as error:
            self._break_off(call)
            if not isinstance(error, Exception):
                raise
            logger.exception("An answer could not be sent.")
        finally:
            short.record(status, call.since)

    def _write(self, call: _Call, reply: Reply) -> None:
        """Send an answer whole, where ASGI's messages would be two packets."""
        if call.disconnected:
            return
        text = orjson.dumps(reply.body)
        headers: Sequence[tuple[bytes, bytes]] = (
            *self.server_state.default_headers,
            (b"content-length", b"%d" % len(text)),
            (b"content-type", JSON),
            *reply.headers,
        )
        lines = [b"%b: %b\r\n" % header for header in headers]
        ending = () if call.keep_alive else (CLOSE,)
        self.transport.write(b"".join([STATUS_LINE[reply.status], *lines, *ending, b"\r\n", text]))
        call.response_complete = True
        if not call.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _break_off(self, call: _Call) -> None:
        """Tell of our failure where nothing was sent yet, and close the connection, which nobody would answer any more."""
        if not call.disconnected and not call.response_complete:
            call.keep_alive = False
            self._write(call, Reply({"error": FAULT}, 500))
        self.transport.close()


def protocol_of(short: ShortWay) -> Any:
    """Return what uvicorn's `http` takes: a protocol with a short way."""
    return partial(ShortWayProtocol, short=short)
