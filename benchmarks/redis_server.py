"""A real redis-server on loopback, for benchmarks and tests of what keeps things there."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import redis

from serving.ports import free_port

LOOPBACK: Final = "127.0.0.1"
START_SECONDS: Final = 10


def why_not() -> str | None:
    """Return why no server can run here, None if one can."""
    return None if shutil.which("redis-server") else "redis-server is not installed; run: make system"


class RedisServer:
    """A Redis that can be stopped and started with its data.

    Args:
        directory: Keeps its data.
    """

    def __init__(self, directory: Path) -> None:
        self.port = free_port(LOOPBACK)
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
            if time.monotonic() > deadline:
                raise TimeoutError(f"redis-server does not answer on port {self.port}.")
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
def running(directory: Path) -> Iterator[RedisServer]:
    """Run a server for the block; the directory keeps its data."""
    server = RedisServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
