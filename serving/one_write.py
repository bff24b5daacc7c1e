"""A response leaves as one: uvicorn writes its head and its body apart, and each write is a call of the system and a packet.

That is a tenth of the work of a stored playlist, and a client wakes up twice for it.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class _Gathering:
    """A transport that keeps a response's head until more comes; all else is the transport's own."""

    def __init__(self, transport: Any) -> None:
        self._transport, self._head = transport, b""

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Write a head that nothing follows."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class OneWrite(HttpToolsProtocol):
    """uvicorn's protocol for HTTP, with responses that are written at once."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin a connection."""
        self._gathering = _Gathering(transport)
        super().connection_made(self._gathering)

    def on_response_complete(self) -> None:
        """End a response; that to a HEAD has nothing behind its head."""
        self._gathering.flush()
        super().on_response_complete()
