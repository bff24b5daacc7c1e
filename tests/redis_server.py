"""A real Redis on loopback."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

LOOPBACK = "127.0.0.1"
START_SECONDS = 10


class RedisServer:
    """A Redis that can be stopped and started with its data.

    Args:
        directory: Keeps its data.
    """

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            self.port = int(probe.getsockname()[1])
        self.directory = directory
        self.url = f"redis://{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [
            "--port",
            str(self.port),
            "--bind",
            LOOPBACK,
            "--dir",
            str(self.directory),
            "--save",
            "3600 1",
        ]
        self._process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, "Redis does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it; it saves what it holds."""
        self._process.terminate()
        self._process.wait(START_SECONDS)

    def emptied(self) -> str:
        """Remove all keys and return its address."""
        with redis.Redis(port=self.port) as client:
            client.flushall()
        return self.url

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@contextmanager
def running_redis(directory: Path) -> Iterator[RedisServer]:
    """Run a Redis for the block; skip the test where there is none."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed; run: make system")
    server = RedisServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
