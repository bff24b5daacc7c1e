"""uvicorn's protocol with a short way: what comes most often is answered past ASGI, whose messages and layers cost as much.

What is not plain goes the usual way: bodies in chunks or too long, other methods and URLs, a request that is sent before the last
one is answered.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from crossfade.schema.metrics import HTTP_REQUESTS, HTTP_SECONDS, Recorder
from serving import tracing
from serving.asgi import GONE, JSON, Headers
from serving.recommender.wire import sentence

logger = logging.getLogger(__name__)

FAULT: Final = "The server failed; it has noted why."
POST: Final = b"POST"
CLOSE: Final = b"connection: close\r\n"
LENGTH: Final = b"content-length"
PARTS: Final = b"transfer-encoding"
FORWARDED: Final = b"x-forwarded-for"


@dataclass(frozen=True)
class Reply:
    """What an endpoint answers; headers are more than the two of every answer."""

    body: object
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()


def reply_to(error: Exception, status: Mapping[type[Exception], int], fault: str) -> Reply:
    """Return what is told of an error.

    Args:
        error: That an endpoint raised.
        status: Of exceptions; any other is our own fault, a 500.
        fault: What is told of one.
    """
    for kind in type(error).__mro__:
        if kind in status:
            return Reply({"error": sentence(error)}, status[kind])
    logger.error("A request failed.", exc_info=error)
    return Reply({"error": fault}, 500)


class _Unheard:
    """Stands where uvicorn's own requests have an event, which wakes who waits for more of a body; here nobody does."""

    def set(self) -> None: ...


_UNHEARD: Final = _Unheard()


@dataclass
class Call:
    """A request under way.

    What uvicorn asks of its own requests bears the same names, and is not for those who answer: `message_event`, `disconnected`
    and `response_complete`.

    Attributes:
        method: Of HTTP.
        url: As it stands in the first line.
        headers: Their names in small letters.
        client: Host that asks, "" where that is unknown.
        keep_alive: Whether the connection stays after the answer.
        since: Monotonic seconds when its headers had come.
        body: As far as it has come; all of it once it is to be answered.
        is_whole: Whether nothing more comes.
    """

    method: bytes
    url: bytes
    headers: Headers
    client: str
    keep_alive: bool
    since: float
    body: bytearray = field(default_factory=bytearray)
    is_whole: bool = False
    message_event: _Unheard = _UNHEARD
    disconnected: bool = False
    response_complete: bool = False


@dataclass(frozen=True)
class ShortWay:
    """Which requests go it, and who answers them.

    Args:
        takes: Tells by method, URL as in the first line, and headers.
        reply: Answers one; must not raise.
        route: Their route's name.
        recorder: Told of requests.
    """

    takes: Callable[[bytes, bytes, Headers], bool]
    reply: Callable[[Call], Awaitable[Reply]]
    route: str
    recorder: Recorder

    def record(self, status: int, since: float) -> None:
        """Count a request, and how long it took since a moment."""
        self.recorder.record(HTTP_REQUESTS, 1, route=self.route, status=str(status))
        self.recorder.record(HTTP_SECONDS, time.monotonic() - since, route=self.route)


def has_length(headers: Headers, most: int) -> bool:
    """Return whether headers tell of one body, whose length is told and at most so many bytes."""
    lengths = [value for name, value in headers if name == LENGTH]
    return len(lengths) == 1 and lengths[0].isdigit() and int(lengths[0]) <= most


def has_body(headers: Headers) -> bool:
    """Return whether headers tell of a body."""
    return any(name in (LENGTH, PARTS) for name, _ in headers)


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
            and self._short.takes(method := self.parser.get_method(), self.url, self.headers)
            and self.parser.get_http_version() == "1.1"
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
        ):
            super().on_headers_complete()
            return
        keep_alive, since = self.parser.should_keep_alive(), time.monotonic()
        self.cycle: Any = Call(method, self.url, self.headers, self._asking(), keep_alive, since)

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
        return isinstance(self.cycle, Call) and not self.cycle.is_whole

    def _asking(self) -> str:
        """Return the host that asks: the one that a proxy tells of, where uvicorn trusts that proxy."""
        host, proxies = self.client[0] if self.client else "", self.app
        told = b", ".join(value for name, value in self.headers if name == FORWARDED)
        if told and isinstance(proxies, ProxyHeadersMiddleware) and host in proxies.trusted_hosts:
            return proxies.trusted_hosts.get_trusted_client_address(told.decode("latin-1"))[0] or host
        return host

    async def _answer(self, call: Call) -> None:
        short, status = self._short, 500
        try:
            with tracing.received(f"{call.method.decode()} {short.route}", call.headers) as span:
                reply = await short.reply(call)
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

    def _write(self, call: Call, reply: Reply) -> None:
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

    def _break_off(self, call: Call) -> None:
        """Tell of our failure where nothing was sent yet, and close the connection, which nobody would answer any more."""
        if not call.disconnected and not call.response_complete:
            call.keep_alive = False
            self._write(call, Reply({"error": FAULT}, 500))
        self.transport.close()
