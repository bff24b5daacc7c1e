"""A real Redis on loopback, or a test that says why it is skipped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.redis_server import RedisServer, running, why_not

__all__ = ["RedisServer", "running_redis"]


@contextmanager
def running_redis(directory: Path) -> Iterator[RedisServer]:
    """Run a Redis for the block; skip the test where there is none."""
    if reason := why_not():
        pytest.skip(reason)
    with running(directory) as server:
        yield server
