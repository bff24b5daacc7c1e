"""What both servers put around their routes: limits, counts, and errors as one sentence."""

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect

from crossfade.schema.metrics import HTTP_REQUESTS, HTTP_SECONDS, Recorder
from serving import tracing

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON: Final = b"application/json"
KIB: Final = 1024
GONE: Final = 499  # in the count of answers: the client left before there was one, as nginx calls it


class TooLargeError(Exception):
    """A body is longer than allowed."""


class Guard:
    """Refuses bodies that are too large, understands JSON with a charset, and counts what is answered.

    Args:
        app: What is guarded.
        max_body_kib: Longest body.
        recorder: Told of requests.
        route_of: Names the route of a path; the names are few.
    """

    def __init__(
        self, app: App, *, max_body_kib: int, recorder: Recorder, route_of: Callable[[str], str]
    ) -> None:
        self._app, self._recorder, self._route_of = app, recorder, route_of
        self._max_bytes = max_body_kib * KIB

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = self._route_of(scope["path"])
        with tracing.received(f"{scope['method']} {route}", scope["headers"]) as span:
            span.set_attribute("http.response.status_code", await self._passed(scope, receive, send, route))

    async def _passed(self, scope: Scope, receive: Receive, send: Send, route: str) -> int:
        """Pass an HTTP request on, or refuse it; return the status of the answer."""
        started, status = time.monotonic(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            headers = dict(scope["headers"])
            if b"content-type" in headers:
                scope = {**scope, "headers": [_plain_json(*header) for header in scope["headers"]]}
            if b"content-length" in headers and _declared_length(scope) > self._max_bytes:
                await self._refuse(noting)
            else:
                await self._app(scope, self._counting(receive), noting)
        except TooLargeError:
            if not status:
                await self._refuse(noting)
        except ClientDisconnect:
            status = GONE  # nobody is there to be answered, and nothing of ours failed
        finally:
            self._recorder.record(HTTP_REQUESTS, 1, route=route, status=str(status or 500))
            self._recorder.record(HTTP_SECONDS, time.monotonic() - started, route=route)
        return status

    def _counting(self, receive: Receive) -> Receive:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise TooLargeError
            return message

        return counted

    async def _refuse(self, send: Send) -> None:
        text = (
            f"The body is larger than {self._max_bytes // KIB} KiB; send a shorter session or fewer requests."
        )
        # Closed, since the body was not read.
        await respond(send, 413, {"error": text}, headers=((b"connection", b"close"),))


async def respond(send: Send, status: int, body: object, *, headers: Headers = ()) -> None:
    """Send one JSON answer."""
    text = orjson.dumps(body)
    known = ((b"content-length", b"%d" % len(text)), (b"content-type", JSON))
    await send({"type": "http.response.start", "status": status, "headers": [*known, *headers]})
    await send({"type": "http.response.body", "body": text})


def is_json(content_type: bytes) -> bool:
    """Return whether a header says JSON, with or without a charset: JSON is UTF-8."""
    return content_type.partition(b";")[0].strip().lower() == JSON


def _plain_json(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Return the header, without a charset where it says JSON."""
    return name, JSON if name == b"content-type" and is_json(value) else value


def _declared_length(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0
