"""The short way's protocol with bounds for what comes before a request is whole: bytes of its head, and time."""

import asyncio
from functools import partial
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from crossfade.schema.metrics import HTTP_REQUESTS
from serving.asgi import JSON
from serving.short_way import CLOSE, ShortWay, ShortWayProtocol

# Of a request's line and headers; what comes in one piece with the head's end may be more.
HEAD_BYTES: Final = 64 << 10
WHOLE_SECONDS: Final = 10.0  # from a request's first byte, or a new connection, to the request's end


class BoundedProtocol(ShortWayProtocol):
    """One connection; uvicorn alone would keep a head of any length, and wait for a request's end for ever.

    The base class saves us HTTP.
    """

    _head_bytes: int | None = None  # None behind the head's end
    _since: float | None = 0.0  # moment of the loop's clock; None while no request is under way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._next_look = self.loop.call_later(WHOLE_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._next_look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; refuse a head that is too long."""
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431, f"The request's line and headers are longer than {HEAD_BYTES >> 10} KiB.")

    def on_message_begin(self) -> None:
        """Note when a request began."""
        self._head_bytes, self._since = 0, self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note the end of its head."""
        self._head_bytes = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note its end."""
        self._since = None
        super().on_message_complete()

    def _look(self) -> None:
        """Close the connection if its request is overdue, else look again when it would be."""
        now = self.loop.time()
        due = (now if self._since is None else self._since) + WHOLE_SECONDS
        if due <= now:
            self._refuse(408, f"The request did not come whole in {WHOLE_SECONDS:.0f} s.")
        else:
            self._next_look = self.loop.call_at(due, self._look)

    def _refuse(self, status: int, sentence: str) -> None:
        """Tell why, unless an earlier request of this connection is still being answered, and close it."""
        self._head_bytes = self._since = None
        if self.cycle is None or self.cycle.response_complete or self._is_open():
            text = orjson.dumps({"error": sentence})
            headers = b"content-length: %d\r\ncontent-type: %b\r\n" % (len(text), JSON)
            self.transport.write(b"".join([STATUS_LINE[status], headers, CLOSE, b"\r\n", text]))
            self._short.recorder.record(HTTP_REQUESTS, 1, route="other", status=str(status))
        self.transport.close()


def protocol_of(short: ShortWay) -> Any:
    """Return what uvicorn's `http` takes: a protocol with a short way and bounds."""
    return partial(BoundedProtocol, short=short)
