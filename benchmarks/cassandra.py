"""Stored playlists in a real Cassandra: what a read takes, and how long anybody waits while it stands still or is dead."""

import signal
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa

from benchmarks.cassandra_server import KEYSPACE, LOOPBACK, artefacts, listening, made_keyspace
from benchmarks.harness import Bar, Options, Result
from crossfade.schema.errors import CrossfadeError, NotFoundError
from crossfade.store.cassandra_store import CassandraStore
from crossfade.store.contract import SLATES, Generation
from serving.ports import free_ports

SURFACE: Final = "discover_weekly"
LENGTH: Final = 30
TIMEOUT_MS: Final = 50  # as `serving.store_timeout_ms`
USERS: Final = 3000


def run(options: Options) -> Result:
    """Publish, read, stop the server for two seconds, kill it, start it again.

    Args:
        options: `quick` reads fewer.

    Raises:
        NotFoundError: There is no Cassandra to be had.
    """
    jars, why_not = artefacts()
    if jars is None:
        raise NotFoundError(f"This benchmark needs Cassandra: {why_not}.")
    with TemporaryDirectory() as scratch:
        figures = _measured(jars, Path(scratch), 500 if options.quick else 3000)
    bars = {
        "stopped_longest_wait_ms": Bar(figures["stopped_longest_wait_ms"], at_most=2 * TIMEOUT_MS),
        "killed_longest_wait_ms": Bar(figures["killed_longest_wait_ms"], at_most=2 * TIMEOUT_MS),
        "back_after_seconds": Bar(figures["back_after_seconds"], at_most=2),
    }
    return Result({name: round(value, 2) for name, value in figures.items()}, bars)


def _measured(jars: Path, directory: Path, num_reads: int) -> dict[str, float]:
    port, storage = free_ports(LOOPBACK, 2)
    url = f"cassandra://{LOOPBACK}:{port}/{KEYSPACE}"
    store = CassandraStore(url, timeout_ms=TIMEOUT_MS)
    with listening(jars, directory, port, storage) as process:
        made_keyspace(port)
        figures = {"published_slates_per_second": USERS / _published(CassandraStore(url))}
        _awaited(store)
        figures |= _read(store, num_reads)
        process.send_signal(signal.SIGSTOP)
        figures["stopped_longest_wait_ms"] = max(_waited(store) for _ in range(20))
        time.sleep(2)
        process.send_signal(signal.SIGCONT)
        figures["resumed_after_seconds"] = _awaited(store)
        process.kill()
        process.wait()
        figures["killed_longest_wait_ms"] = max(_waited(store) for _ in range(20))
    with listening(jars, directory, port, storage):
        figures["back_after_seconds"] = _awaited(store)
    return figures


def _published(store: CassandraStore) -> float:
    """Publish a playlist for each user, and return how many seconds it took."""
    about = Generation(SURFACE, "g1", "b", 0, {}, LENGTH, USERS, ("two_tower",), ("none",))
    row = {
        "track_ids": [f"t{number:07}" for number in range(LENGTH)],
        "scores": np.linspace(1, 0, LENGTH).tolist(),
        "propensities": [1.0] * LENGTH,
        "sources": ["two_tower"] * LENGTH,
        "reason_kinds": ["none"] * LENGTH,
        "reasons": ["Because you listen to it"] * LENGTH,
    }
    rows = [{"user_id": f"u{number}", **row} for number in range(USERS)]
    started = time.perf_counter()
    with store.begin(about) as writer:
        writer.put_many(pa.Table.from_pylist(rows, schema=SLATES))
    store.activate(SURFACE, about.name)
    return time.perf_counter() - started


def _read(store: CassandraStore, num_reads: int) -> dict[str, float]:
    before = time.process_time()
    waits = [_waited(store, number) for number in range(num_reads)]
    p50, p99 = np.percentile(waits, [50, 99])
    work = 1000 * (time.process_time() - before) / num_reads
    return {"read_p50_ms": float(p50), "read_p99_ms": float(p99), "read_processor_ms": work}


def _waited(store: CassandraStore, number: int = 0) -> float:
    """Return how many milliseconds a read took, whether it was answered or not."""
    started = time.perf_counter()
    _is_answered(store, number)
    return 1000 * (time.perf_counter() - started)


def _awaited(store: CassandraStore) -> float:
    """Read until there is an answer, and return after how many seconds there was."""
    started = time.perf_counter()
    while not _is_answered(store):
        time.sleep(0.02)
    return time.perf_counter() - started


def _is_answered(store: CassandraStore, number: int = 0) -> bool:
    try:
        return store.get(SURFACE, f"u{number % USERS}") is not None
    except CrossfadeError:
        return False
