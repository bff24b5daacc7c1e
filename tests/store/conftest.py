"""What tests of stores share: one Redis server."""

from collections.abc import Iterator

import pytest

from benchmarks import redis_server


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server on loopback; without redis-server the test is skipped."""
    if reason := redis_server.why_not():
        pytest.skip(reason)
    with redis_server.running(tmp_path_factory.mktemp("redis")) as port:
        yield port
