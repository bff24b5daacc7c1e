"""The load generator counts what it is told, from when each request was due."""

import asyncio
import select
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from benchmarks.serving import load
from benchmarks.serving.load import Answered, Plan


def test_an_outcome_is_made_of_latencies_and_marks() -> None:
    # Second 0: 99 of 10 ms and one of 1 s; seconds 1 and 2: all of 10 ms.
    done = [Answered(moment + i / 100, 0.01, 0.002, 0.013) for moment in range(3) for i in range(100)]
    done[5] = Answered(0.05, 1.0, 0.0, 1.0)
    seen: Counter[str] = Counter()
    load._note(seen, 200, b'{"fallback":"popular","bundle":"0123456789abcdef"}')
    load._note(seen, 500, b'{"fallback":null,"bundle":"fedcba9876543210"}')
    outcome = load._outcome(done, seen, 3.0, 0.0)
    assert (outcome.requests_per_second, outcome.p50_ms) == (100, pytest.approx(10))
    assert (outcome.worst_second_p99_ms, outcome.slow_seconds) == (pytest.approx(1000), 1)
    assert (outcome.failed, outcome.fallbacks, outcome.bundles) == (1, 1, 2)
    assert (outcome.load_late_p99_ms, outcome.as_seen_p99_ms) == (pytest.approx(2), pytest.approx(13))


def test_a_server_that_stalls_is_not_spared_what_would_have_come() -> None:
    async def run() -> load.Outcome:
        answered = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal answered
            while await reader.readline():
                await reader.readuntil(b"\r\n\r\n")
                answered += 1
                if answered == 30:
                    await asyncio.sleep(0.3)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        plan = Plan(f"http://127.0.0.1:{port}/x", connections=1, rate=20, seconds=1)
        found = await asyncio.to_thread(load.run, plan)
        server.close()
        await server.wait_closed()
        return found

    outcome = asyncio.run(run())
    # A busy machine stops the load itself, which has as much longer then.
    assert outcome.requests_per_second * (1 + outcome.load_stopped_share) == pytest.approx(20)
    assert outcome.p99_ms > 250  # the stalled one
    assert outcome.p50_ms < 250
    assert outcome.failed == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere an answer has come when it is read")
def test_what_the_load_itself_is_late_is_told_apart() -> None:
    selects = select.select

    def stopped(*arguments: Any) -> Any:
        found = selects(*arguments)
        if found[0]:
            time.sleep(0.06)  # longer than from one request to the next
        return found

    with answering() as port, pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "select", stopped)
        outcome = load.run(Plan(f"http://127.0.0.1:{port}/x", connections=4, rate=20, seconds=1))
    assert outcome.failed == 0
    assert outcome.requests_per_second < 19  # what it was stopped was not made up for
    assert outcome.p99_ms < 20
    assert outcome.as_seen_p99_ms > 50
    assert outcome.load_late_p99_ms > 5
    assert outcome.load_stopped_share > 0.1


def test_an_answer_has_come_when_the_kernel_has_it() -> None:
    def stamp(seconds_ago: float) -> list[tuple[int, int, bytes]]:
        whole, rest = divmod(time.time() - seconds_ago, 1)
        return [(socket.SOL_SOCKET, load.STAMPED, struct.pack("qq", int(whole), int(rest * 1e9)))]

    before = time.perf_counter()
    found = [load.time_of(stamps) - before for stamps in (stamp(5), stamp(-5), [], [(0, load.STAMPED, b"")])]
    assert found[0] == pytest.approx(-5, abs=0.5)
    assert all(0 <= each < 0.5 for each in found[1:])  # a stamp of the future is none


@contextmanager
def answering() -> Iterator[int]:
    """Serve answers at once, on a port, to any number of connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError), server.accept()[0] as connection:
                threading.Thread(target=serve, daemon=True).start()
                while connection.recv(1 << 16):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
