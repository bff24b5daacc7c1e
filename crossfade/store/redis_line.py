"""One connection to Redis on an event loop: requests follow each other on it and wait for no answer but their own.

A client with a pool of threads gives a read to another thread and takes it back, which costs four times what the read does; this
one is read by the loop that answers. hiredis writes commands and parses answers: RESP2, by TCP, with a password and a database.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import redis
from redis.connection import parse_url

from crossfade.schema.errors import MissingExtraError
from crossfade.store.credentials import with_credentials

try:
    import hiredis
except ImportError as error:
    raise MissingExtraError("hiredis", "redis") from error

KNOWN: Final = {"host", "port", "db", "username", "password"}
AGAIN_SECONDS: Final = 0.001  # a loop that stood still may have the answer at hand, and reads it first
PARTIAL: Final = object()  # no answer is whole yet

Command = tuple[Any, ...]  # words: bytes, str as UTF-8, or int
Answer = Any  # bytes, int, None, a list of them, or an error that Redis answered


@dataclass
class _Asked:
    """A request under way: the moment at which it is too late, and answers that are still to come."""

    answered: "asyncio.Future[list[Answer]]"
    due: float
    left: int
    answers: list[Answer] = field(default_factory=list)


class _Wire(asyncio.Protocol):
    """A connection that is there, and what is under way on it, oldest first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._reader = hiredis.Reader(replyError=redis.ResponseError, notEnoughData=PARTIAL)
        self._asked: deque[_Asked] = deque()
        self._transport: Any = None  # uvloop's is no asyncio.Transport
        self._watch: asyncio.TimerHandle | None = None
        self._ended: redis.RedisError | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, commands: Sequence[Command]) -> "asyncio.Future[list[Answer]]":
        if self._ended is not None:  # before who waited for the connection came to ask
            raise self._ended
        loop, packed = asyncio.get_running_loop(), b"".join(map(hiredis.pack_command, commands))
        asked = _Asked(loop.create_future(), time.monotonic() + self._seconds, len(commands))
        self._asked.append(asked)
        self._transport.write(packed)
        if self._watch is None:  # one timer for all: it looks at the oldest
            self._watch = loop.call_later(self._seconds, self._look)
        return asked.answered

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not PARTIAL:
                self._take(answer)
        except hiredis.ProtocolError as error:
            self.end(redis.ConnectionError(f"it does not speak RESP ({error})"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(redis.ConnectionError(f"the connection was lost ({exc or 'closed by Redis'})"))

    def end(self, error: redis.RedisError) -> None:
        """Close, and answer all that is under way by an error, and all that is asked later by the first one."""
        self._ended = self._ended or error
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._transport is not None:
            self._transport.abort()
        while self._asked:
            if not (answered := self._asked.popleft().answered).done():
                answered.set_exception(error)

    def _take(self, answer: Answer) -> None:
        if not self._asked:  # as when Redis has too many clients
            self.end(redis.ConnectionError(f"it answered what nobody asked ({answer})"))
            return
        asked = self._asked[0]
        asked.answers.append(answer)
        asked.left -= 1
        if not asked.left:
            self._asked.popleft()
            if not asked.answered.done():  # else nobody waits for it any more
                asked.answered.set_result(asked.answers)

    def _look(self, late: _Asked | None = None) -> None:
        self._watch = None
        if not self._asked:
            return
        oldest, loop = self._asked[0], asyncio.get_running_loop()
        left = oldest.due - time.monotonic()
        if left > 0:
            self._watch = loop.call_later(left, self._look)
        elif oldest is late:
            self.end(redis.TimeoutError(f"no answer in {1000 * self._seconds:.0f} ms"))
        else:
            self._watch = loop.call_later(AGAIN_SECONDS, self._look, oldest)


class RedisLine:
    """Asks a Redis from the event loop that runs; connects when first asked, and again where the connection was lost.

    Args:
        host: Name or address.
        port: Of TCP.
        seconds: Longest wait, for a connection and for an answer.
        greeting: Commands that begin a connection.
    """

    def __init__(self, host: str, port: int, seconds: float, greeting: Sequence[Command]) -> None:
        self._host, self._port, self._seconds, self._greeting = host, port, seconds, greeting
        self._wire: _Wire | None = None
        self._connecting: asyncio.Task[_Wire] | None = None

    @classmethod
    def to(cls, url: str, timeout_ms: int) -> "RedisLine | None":
        """Return a line to an address; None where that needs more than a line can, as TLS or a socket of Unix."""
        told = parse_url(with_credentials(url))  # type: ignore[no-untyped-call]
        if not url.startswith("redis://") or not told.keys() <= KNOWN:
            return None
        greeting: list[Command] = []
        if password := told.get("password"):
            user = [told["username"]] if told.get("username") else []
            greeting.append(("AUTH", *user, password))
        if database := told.get("db"):
            greeting.append(("SELECT", database))
        host, port = told.get("host", "localhost"), told.get("port", 6379)
        return cls(host, port, timeout_ms / 1000, greeting)

    async def ask(self, commands: Sequence[Command]) -> list[Answer]:
        """Send commands together, and return an answer to each.

        Raises:
            redis.RedisError: There is no connection, no answer in time, or an answer is an error.
        """
        wire = self._wire
        if wire is None or not wire.is_open:
            wire = await self._connected()
        return _well(await wire.ask(commands))

    def close(self) -> None:
        """Close the connection; the next request would make another one."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._wire is not None:
            self._wire.end(redis.ConnectionError("it was closed"))
            self._wire = None

    async def _connected(self) -> _Wire:
        """Return a new connection; whoever asks meanwhile waits for the same one."""
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> _Wire:
        loop = asyncio.get_running_loop()
        made = loop.create_connection(lambda: _Wire(self._seconds), self._host, self._port)
        try:
            _, wire = await asyncio.wait_for(made, self._seconds)
        except TimeoutError as error:
            raise redis.TimeoutError(f"no connection in {1000 * self._seconds:.0f} ms") from error
        except OSError as error:
            raise redis.ConnectionError(str(error)) from error
        if self._greeting:
            try:
                _well(await wire.ask(self._greeting))
            except redis.RedisError as error:
                wire.end(error)
                raise
        self._wire = wire  # here, since all who asked may have gone
        return wire


def _well(answers: list[Answer]) -> list[Answer]:
    for answer in answers:
        if isinstance(answer, redis.RedisError):
            raise answer
    return answers
