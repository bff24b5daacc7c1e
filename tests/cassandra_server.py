"""A real Cassandra on loopback, or a test that says why it is skipped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.cassandra_server import CassandraServer, artefacts, running

__all__ = ["CassandraServer", "running_cassandra"]


@contextmanager
def running_cassandra(directory: Path) -> Iterator[CassandraServer]:
    """Run a Cassandra for the block; skip the test where there is none."""
    jars, why_not = artefacts()
    if jars is None:
        pytest.skip(f"no Cassandra ({why_not})")
    with running(jars, directory) as server:
        yield server
