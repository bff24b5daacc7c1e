"""Load from a process of its own: this file run as a script, told what to send by one JSON object on stdin.

Requests are due at fixed moments and timed from when they were due, so that a server that stalls is not spared the
requests that would have come meanwhile. At rate 0 every connection asks again at once: what comes back is saturation.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit


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
    """

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    worst_second_p99_ms: float
    slow_seconds: int
    failed: int
    fallbacks: int
    bundles: int


async def run(plan: Plan) -> Outcome:
    """Send the plan's requests."""
    parts = urlsplit(plan.url)
    requests = cycle(_requests(plan, parts.netloc, parts.path or "/"))
    started = time.perf_counter() + 1.0  # what is due before counts as warming up
    done: list[tuple[float, float]] = []
    seen: Counter[str] = Counter()
    due = _due(plan, started)

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for moment in due:
            now = time.perf_counter()
            if moment > now:
                await asyncio.sleep(moment - now)
            moment = moment if plan.rate else time.perf_counter()
            try:
                status, body = await _asked(reader, writer, next(requests))
            except (OSError, asyncio.IncompleteReadError, ValueError):
                seen["failed"] += 1
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
                continue
            _note(seen, status, body)
            if moment >= started:
                done.append((moment - started, time.perf_counter() - moment))
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(plan.connections)))
    return _outcome(done, seen, plan.seconds)


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


async def _asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    (length,) = (int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


def _note(seen: Counter[str], status: int, body: bytes) -> None:
    seen["failed"] += status != 200
    seen["fallbacks"] += b'"fallback":"' in body
    at = body.find(b'"bundle":"')
    if at >= 0:
        seen[f"bundle {body[at + 10 : at + 26].decode()}"] += 1


def _outcome(done: list[tuple[float, float]], seen: Counter[str], seconds: float) -> Outcome:
    latencies = sorted(latency for _, latency in done)
    by_second: dict[int, list[float]] = {}
    for moment, latency in done:
        by_second.setdefault(int(moment), []).append(latency)
    worst = sorted(_quantile(sorted(each), 0.99) for each in by_second.values())
    usual = worst[len(worst) // 2]
    return Outcome(
        requests_per_second=len(done) / seconds,
        p50_ms=1000 * _quantile(latencies, 0.5),
        p99_ms=1000 * _quantile(latencies, 0.99),
        worst_second_p99_ms=1000 * worst[-1],
        slow_seconds=sum(each > 3 * usual for each in worst),
        failed=seen["failed"],
        fallbacks=seen["fallbacks"],
        bundles=sum(name.startswith("bundle ") for name in seen),
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(asyncio.run(run(Plan(**json.load(sys.stdin)))))))
