"""A week of playlists published into the embedded store and Redis, while a service reads: how long, and what readers see."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks import redis_server
from benchmarks.harness import Bar, Options, Result
from benchmarks.publish.week import ERROR, MIXTURE, week_of
from benchmarks.weekly.stages import SURFACE
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import WeeklySettings, default_settings
from crossfade.store.weekly import activate, publish

USERS: Final = 1_000_000
QUICK_USERS: Final = 20_000
USERS_PER_SHARD: Final = 10_000
CHANGED_ONE_IN: Final = 10  # users of a week that is published again with few changes
EARLIER_SHARE: Final = 20  # of the users, one in so many had a playlist the week before; they are who is read
QUIET_SECONDS: Final = 5.0
MOST_SECONDS: Final = 60.0
MOST_TIMES: Final = 3.0
Reads = npt.NDArray[np.float64]


def run(options: Options) -> Result:
    """Publish a week into each store over the one before it.

    Args:
        options: `quick` publishes a fiftieth of the users.
    """
    num_users = QUICK_USERS if options.quick else USERS
    figures: dict[str, Any] = {"quick": options.quick, "users": num_users}
    bars: dict[str, Bar] = {}
    with TemporaryDirectory() as folder:
        home = Path(folder)
        weeks, workspace = weeks_of(home, num_users)
        _, mended = week_of(home, 3, num_users, _settings(""), CHANGED_ONE_IN)
        figures |= measured("embedded", workspace, weeks, num_users, "")
        live = workspace.store / SURFACE / weeks[1] / "data.mdb"
        figures["embedded_bytes_per_user"] = round(live.stat().st_size / num_users)
        figures |= published_again("embedded", workspace, mended, num_users, "")
        again = workspace.store / SURFACE / mended / "data.mdb"
        figures["embedded_again_bytes_per_user"] = round(again.stat().st_size / num_users)
        if not redis_server.why_not():
            with redis_server.running(home) as server:
                figures |= measured("redis", workspace, weeks, num_users, server.url)
                figures["redis_bytes_per_user"] = round(
                    (before := figures.pop("redis_bytes")) / (num_users + num_users // EARLIER_SHARE)
                )
                figures |= published_again("redis", workspace, mended, num_users, server.url)
                more = figures.pop("redis_bytes") - before
                figures["redis_again_bytes_per_user"] = round(more / num_users)
    for store in ("embedded", "redis"):
        if f"{store}_seconds" in figures:
            bars |= bars_of(store, figures, scale=USERS / num_users)
    notes = [
        "Seconds: from finished shards to the activated week: read, checked, packed, written, read back and switched to.",
        f"Again: a week in which one of {CHANGED_ONE_IN} users has another slate than in the one before.",
        f"Reads: one every {QUIET_SECONDS:.0f} s before and all through it by another process, at a steady pace.",
    ]
    return Result(figures, bars, notes)


def weeks_of(home: Path, num_users: int) -> tuple[tuple[str, str], Workspace]:
    """Make the shards of two weeks; returns the names of their generations and the workspace."""
    settings = _settings("")
    workspace, earlier = week_of(home, 1, num_users // EARLIER_SHARE, settings)
    _, week = week_of(home, 2, num_users, settings)
    return (earlier, week), workspace


def measured(
    store: str, workspace: Workspace, weeks: tuple[str, str], num_users: int, url: str
) -> dict[str, Any]:
    """Publish the earlier week, then the other one under the eyes of a reader; returns figures."""
    settings = _settings(url)
    publish(workspace, settings, SURFACE, weeks[0])
    activate(workspace, settings, SURFACE, weeks[0])
    with reading(workspace, url, num_users // EARLIER_SHARE) as file:
        time.sleep(QUIET_SECONDS)
        started, before = time.perf_counter(), time.process_time()
        publish(workspace, settings, SURFACE, weeks[1])
        activated = time.perf_counter()
        activate(workspace, settings, SURFACE, weeks[1])
        ended, work = time.perf_counter(), time.process_time() - before
        time.sleep(1)
    figures = {
        "seconds": round(ended - started, 2),
        "cpu_microseconds_per_user": round(1e6 * work / num_users, 1),
    }
    figures |= seen(np.load(file), started, activated, ended)
    return {f"{store}_{name}": value for name, value in figures.items()} | _memory(url)


def published_again(
    store: str, workspace: Workspace, generation: str, num_users: int, url: str
) -> dict[str, Any]:
    """Publish a week that is mostly the live one's; returns figures."""
    settings, started = _settings(url), time.process_time()
    published = publish(workspace, settings, SURFACE, generation)
    work = time.process_time() - started
    activate(workspace, settings, SURFACE, generation)
    figures = {
        f"{store}_again_unchanged_share": round(published.num_unchanged / num_users, 4),
        f"{store}_again_cpu_microseconds_per_user": round(1e6 * work / num_users, 1),
    }
    return figures | _memory(url)


def seen(reads: Reads, started: float, activated: float, ended: float) -> dict[str, float | int]:
    """Return what a reader saw.

    Args:
        reads: As `reader` wrote them.
        started: When publishing began; the reads before are quiet.
        activated: When the switch began.
        ended: When it had been made.

    Returns:
        Latencies in milliseconds, and how many reads failed (`errors`) or saw tracks of two weeks, the new week before the
        switch or the old one after it (`mixtures`).
    """
    begun, taken, weeks = reads.T
    quiet, busy = begun < started, (begun >= started) & (begun < ended)
    ends = begun + taken
    known = weeks > 0
    wrong = (
        (weeks == MIXTURE)
        | (known & (ends < activated) & (weeks != 1))
        | (known & (begun > ended) & (weeks != 2))
    )
    p99 = {name: 1000 * np.percentile(taken[mask], 99) for name, mask in (("quiet", quiet), ("busy", busy))}
    return {
        "reads": int(busy.sum()),
        "errors": int((weeks == ERROR).sum()),
        "mixtures": int(wrong.sum()),
        "quiet_p99_ms": round(float(p99["quiet"]), 3),
        "busy_p99_ms": round(float(p99["busy"]), 3),
        "p99_times": round(float(p99["busy"] / p99["quiet"]), 2),
    }


def bars_of(store: str, figures: dict[str, Any], scale: float) -> dict[str, Bar]:
    """Return a store's bars; the one of time falls with the number of users."""
    return {
        f"{store}_seconds": Bar(figures[f"{store}_seconds"], at_most=MOST_SECONDS / scale),
        f"{store}_errors": Bar(figures[f"{store}_errors"], at_most=0),
        f"{store}_mixtures": Bar(figures[f"{store}_mixtures"], at_most=0),
        f"{store}_p99_times": Bar(figures[f"{store}_p99_times"], at_most=MOST_TIMES),
    }


@contextmanager
def reading(workspace: Workspace, url: str, num_users: int) -> Iterator[Path]:
    """Have a process read these users' playlists for the block; the file has what it saw afterwards."""
    file = workspace.path / "reads.npy"
    command = [
        sys.executable,
        "-m",
        "benchmarks.publish.reader",
        str(workspace.path),
        url,
        str(num_users),
        str(file),
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield file
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def _settings(url: str) -> WeeklySettings:
    update = {"users_per_shard": USERS_PER_SHARD, "batch_users": USERS_PER_SHARD, "store_url": url}
    return default_settings().weekly.model_copy(update=update)


def _memory(url: str) -> dict[str, int]:
    """Return what a Redis holds."""
    if not url:
        return {}
    import redis

    with redis.Redis.from_url(url) as client:
        return {"redis_bytes": int(client.info("memory")["used_memory_dataset"])}
