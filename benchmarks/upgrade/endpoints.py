"""What stands before pods: a port of loopback that leads each new connection to one of those that are ready."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

HOST: Final = "127.0.0.1"
CHUNK: Final = 1 << 16


class Endpoints:
    """The pods that new connections are led to in turn, as a Service does; those that are there stay where they lead to.

    Args:
        port: Where it listens.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._ready: tuple[int, ...] = ()
        self._turns = count()

    def add(self, port: int) -> None:
        """Lead new connections here, too."""
        self._ready = (*self._ready, port)

    def remove(self, port: int) -> None:
        """Lead no new connection here any more."""
        self._ready = tuple(each for each in self._ready if each != port)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead one connection to a pod until either side ends it; where nobody is ready, or listens, it is closed."""
        try:
            if ready := self._ready:
                theirs, ours = await asyncio.open_connection(HOST, ready[next(self._turns) % len(ready)])
                try:
                    await _joined(_passed(reader, ours), _passed(theirs, writer))
                finally:
                    await _closed(ours)
        except OSError:
            pass  # the client sees its connection end
        finally:
            await _closed(writer)


async def _joined(*ways: Coroutine[Any, Any, None]) -> None:
    """Pass on both ways until one of them ends."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextmanager
def service(port: int) -> Iterator[Endpoints]:
    """Listen for the block, in a thread of its own."""
    endpoints, listens = Endpoints(port), threading.Event()
    loop, ended = asyncio.new_event_loop(), asyncio.Event()

    async def listen() -> None:
        async with await asyncio.start_server(endpoints.connected, HOST, port):
            listens.set()
            await ended.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(listen(),))
    thread.start()
    listens.wait()
    try:
        yield endpoints
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
