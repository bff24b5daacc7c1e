"""The load generator counts what it is told, from when each request was due."""

import asyncio
import socket
import threading
import time
from collections import Counter

import pytest

from benchmarks.serving import load
from benchmarks.serving.load import Plan


def test_an_outcome_is_made_of_latencies_and_marks() -> None:
    # Second 0: 99 of 10 ms and one of 1 s; seconds 1 and 2: all of 10 ms.
    done = [(moment + i / 100, 0.01) for moment in range(3) for i in range(100)]
    done[5] = (0.05, 1.0)
    seen: Counter[str] = Counter()
    load._note(seen, 200, b'{"fallback":"popular","bundle":"0123456789abcdef"}')
    load._note(seen, 500, b'{"fallback":null,"bundle":"fedcba9876543210"}')
    outcome = load._outcome(done, seen, 3.0, late=[0.0, 0.002])
    assert (outcome.requests_per_second, outcome.p50_ms) == (100, pytest.approx(10))
    assert (outcome.worst_second_p99_ms, outcome.slow_seconds) == (pytest.approx(1000), 1)
    assert (outcome.failed, outcome.fallbacks, outcome.bundles) == (1, 1, 2)


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
    assert outcome.requests_per_second == 20
    assert outcome.p99_ms > 250  # the stalled one
    assert outcome.p50_ms < 250
    assert outcome.failed == 0


def test_an_answer_has_come_when_the_kernel_has_it() -> None:
    """What this process reads late has not taken longer, and when it is asked late, that is told apart."""
    server, answered = socket.create_server(("127.0.0.1", 0)), []

    def serve() -> None:
        with server.accept()[0] as connection:
            while connection.recv(1 << 16):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                answered.append(1)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    plan = Plan(f"http://127.0.0.1:{server.getsockname()[1]}/x", connections=4, rate=20, seconds=1)
    selects, slept = load.select.select, []

    def late(*arguments: object) -> object:
        found = selects(*arguments)
        if found[0]:
            time.sleep(0.06)  # longer than from one request to the next
            slept.append(1)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load.select, "select", late)
        outcome = load.run(plan)
    for thread in threads:
        thread.join(10)
    server.close()
    assert len(answered) == 40  # with the second of warming up
    assert len(slept) > 20
    assert outcome.p50_ms < 30
    assert outcome.load_late_p99_ms > 30
    assert outcome.failed == 0
