"""Load from a process of its own: this file run as a script, told what to send by one JSON object on stdin.

Requests are due at fixed moments and timed from when they were due, so that a server that stalls is not spared the
requests that would have come meanwhile. Where this process itself is late although a connection is free, the server cannot
know: a request counts from when it is sent, and after a longer stop all later ones are due by so much later. An answer has
come when the kernel has it (Linux), not when this process gets to reading it. How late this process was is told beside,
and so are latencies as it saw them, with all that. At rate 0 every connection asks again at once: what comes back is
saturation.
"""

import json
import select
import socket
import struct
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import Any, Final
from urllib.parse import urlsplit

MOST_BYTES: Final = 1 << 20
NANOSECONDS: Final = 1e9
STOPPED_SECONDS: Final = 0.001  # a longer lateness of this process moves what is due later
MOST_STAMP_BYTES: Final = 64
STAMPED: Final = 35  # SO_TIMESTAMPNS of Linux, which Python has no name for: each answer tells when it came


@dataclass(frozen=True)
class Plan:
    """What to send.

    Args:
        url: Scheme, host, port and path.
        bodies: Sent by POST in turn; empty sends GET.
        paths: Asked in turn instead of the url's path.
        connections: Kept open.
        rate: Requests a second, 0 as many as are answered.
        seconds: For so long, after a second to warm up.
    """

    url: str
    bodies: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    connections: int = 8
    rate: float = 0.0
    seconds: float = 5.0


@dataclass(frozen=True)
class Outcome:
    """What came back.

    Args:
        requests_per_second: Answered.
        p50_ms: Of the latency.
        p99_ms: Of the latency.
        worst_second_p99_ms: Of the second in which it was highest.
        slow_seconds: Seconds whose p99 was beyond three times the median second's.
        failed: Answers that are no 200, and lost connections.
        fallbacks: Answers that say so.
        bundles: Digests that answered.
        load_late_p99_ms: Of how late this process was, which is in no latency.
        load_stopped_share: Of the time, this process was stopped while something was due.
        as_seen_p99_ms: Of the latency with what this process was late in sending and reading.
        latencies_ms: All of them.
    """

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    worst_second_p99_ms: float
    slow_seconds: int
    failed: int
    fallbacks: int
    bundles: int
    load_late_p99_ms: float = 0.0
    load_stopped_share: float = 0.0
    as_seen_p99_ms: float = 0.0
    latencies_ms: tuple[float, ...] = ()


@dataclass(frozen=True)
class Answered:
    """One answer.

    Args:
        moment: When it was to be asked for, in seconds since the warm-up, on the clock that stands still while this process does.
        latency: In seconds, as in this file's first lines.
        late: This process was so late.
        as_seen: The latency as this process saw it.
    """

    moment: float
    latency: float
    late: float
    as_seen: float


def run(plan: Plan) -> Outcome:
    """Send the plan's requests."""
    parts = urlsplit(plan.url)
    address, requests = (parts.hostname, parts.port), cycle(_requests(plan, parts.netloc, parts.path or "/"))
    started = time.perf_counter() + 1.0  # what is due before counts as warming up
    done: list[Answered] = []
    seen: Counter[str] = Counter()
    due, stopped = _due(plan, started), 0.0
    moment = next(due, None)
    # Taken in turn: servers close what is not used for some seconds.
    idle = deque(_Connection(address) for _ in range(plan.connections))
    busy: dict[socket.socket, _Connection] = {}
    free = started - 1.0  # since when this process has not waited for the server
    while moment is not None or busy:
        now = time.perf_counter()
        while idle and moment is not None and moment + stopped <= now:
            connection = idle.popleft()
            # What was due before a connection was free, or while this process waited for the server, is the server's.
            late = now - max(moment + stopped, connection.came, free) if plan.rate else 0.0
            planned, since = (moment, moment + stopped) if plan.rate else (now, now)
            connection.ask(next(requests), planned, since, late)
            busy[connection.socket] = connection
            stopped += late if late > STOPPED_SECONDS else 0.0
            moment, now = next(due, None), time.perf_counter()
            free = now
        # To the microsecond: epoll would round each pause up to a millisecond, which would count as the server's.
        wait = max(0.0, moment + stopped - now) if idle and moment is not None else None
        for answering in select.select(list(busy), [], [], wait)[0]:
            connection = busy[answering]
            try:
                answer = connection.answer()
            except (OSError, ValueError):
                seen["failed"] += 1
                del busy[answering]
                answering.close()
                idle.append(_Connection(address))
                free = time.perf_counter()
                continue
            if answer is None:
                continue
            if connection.moment >= started:
                done.append(connection.answered(started))
            _note(seen, *answer)
            idle.append(busy.pop(answering))
    for connection in idle:
        connection.socket.close()
    return _outcome(done, seen, plan.seconds, stopped / (plan.seconds + 1))


class _Connection:
    """A connection that stays open and carries one request at a time."""

    def __init__(self, address: tuple[str | None, int | None]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            self.socket.setsockopt(socket.SOL_SOCKET, STAMPED, 1)
        self.moment = self._due = self._late = self._sent = 0.0
        self.came, self._received = time.perf_counter(), b""

    def ask(self, request: bytes, moment: float, due: float, late: float) -> None:
        """Send a request that was due at a moment, by so much late."""
        self.moment, self._due, self._late, self._received = moment, due, late, b""
        self._sent = time.perf_counter()
        with suppress(OSError):  # then there is no answer either, which is where it counts
            self.socket.sendall(request)

    def answer(self) -> tuple[int, bytes] | None:
        """Return status and body once they are whole; raises what a lost connection raises."""
        received, stamps, _, _ = self.socket.recvmsg(MOST_BYTES, MOST_STAMP_BYTES)
        if not received:
            raise ConnectionResetError
        self.came = max(time_of(stamps), self._sent)
        self._received += received
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return None
        lines = head.lower().split(b"\r\n")
        (length,) = (int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
        return (int(head.split(b" ", 2)[1]), body) if len(body) == length else None

    def answered(self, started: float) -> Answered:
        """Tell of the answer that has come, and is read now."""
        latency, seen = self.came - self._due - self._late, time.perf_counter() - self._due
        return Answered(self.moment - started, latency, self._late, seen)


def time_of(stamps: list[tuple[int, int, bytes]]) -> float:
    """Return when what was received came, as of `perf_counter`: by the kernel's stamp, else now."""
    # In this order, so that a stop between the two makes an answer late and not early.
    wall, now = time.time(), time.perf_counter()
    for level, kind, stamp in stamps:
        if (level, kind) == (socket.SOL_SOCKET, STAMPED):
            seconds, nanoseconds = struct.unpack("qq", stamp[:16])
            return now - max(wall - float(seconds) - float(nanoseconds) / NANOSECONDS, 0.0)
    return now


def _requests(plan: Plan, host: str, path: str) -> list[bytes]:
    head = f"Host: {host}\r\n"
    if plan.bodies:
        typed = f"POST {path} HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
        return [f"{typed}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode() for body in plan.bodies]
    return [f"GET {each} HTTP/1.1\r\n{head}\r\n".encode() for each in plan.paths or (path,)]


def _due(plan: Plan, started: float) -> Any:
    """Yield the moments at which requests are due, shared by all connections."""
    end = started + plan.seconds
    moment = started - 1.0
    while (moment if plan.rate else time.perf_counter()) < end:
        yield moment
        moment += 1 / plan.rate if plan.rate else 0.0


def _note(seen: Counter[str], status: int, body: bytes) -> None:
    seen["failed"] += status != 200
    seen["fallbacks"] += b'"fallback":"' in body
    at = body.find(b'"bundle":"')
    if at >= 0:
        seen[f"bundle {body[at + 10 : at + 26].decode()}"] += 1


def _outcome(done: list[Answered], seen: Counter[str], seconds: float, stopped_share: float) -> Outcome:
    latencies = sorted(each.latency for each in done)
    by_second: dict[int, list[float]] = {}
    for each in done:
        by_second.setdefault(int(each.moment), []).append(each.latency)
    worst = sorted(_quantile(sorted(second), 0.99) for second in by_second.values())
    worst = worst or [float("nan")]  # nothing was answered
    usual = worst[len(worst) // 2]
    return Outcome(
        requests_per_second=len(done) / (seconds * (1 + stopped_share)),
        p50_ms=1000 * _quantile(latencies, 0.5),
        p99_ms=1000 * _quantile(latencies, 0.99),
        worst_second_p99_ms=1000 * worst[-1],
        slow_seconds=sum(second > 3 * usual for second in worst),
        failed=seen["failed"],
        fallbacks=seen["fallbacks"],
        bundles=sum(name.startswith("bundle ") for name in seen),
        load_late_p99_ms=1000 * _quantile(sorted(each.late for each in done), 0.99),
        load_stopped_share=stopped_share,
        as_seen_p99_ms=1000 * _quantile(sorted(each.as_seen for each in done), 0.99),
        latencies_ms=tuple(round(1000 * latency, 4) for latency in latencies),
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(run(Plan(**json.load(sys.stdin))))))
