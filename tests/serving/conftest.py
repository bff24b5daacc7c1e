"""One workspace and one `crossfade serve` for all tests of this area."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from crossfade.recommender.workspace import Workspace
from serving.ports import free_port
from tests.serving import places

SERVE = "import sys; from crossfade.cli.main import main; sys.exit(main(['serve', *sys.argv[1:]]))"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Served:
    """A running `crossfade serve`."""

    workspace: Workspace
    process: "subprocess.Popen[bytes]"
    output: Path
    gateway: httpx.Client
    recommender: httpx.Client
    grpc_port: int


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return places.make_workspace(tmp_path_factory.mktemp("serving"))


@pytest.fixture(scope="session")
def served(workspace: Workspace) -> Iterator[Served]:
    port = free_port_of_three()
    output = workspace.path / "serve.log"
    arguments = (
        "--workspace",
        str(workspace.path),
        "--port",
        str(port),
        "--set",
        "serving.watch_seconds=0.2",
    )
    urls = [f"http://{LOOPBACK}:{number}" for number in (port, port + 1)]
    with (
        places.running("-c", SERVE, *arguments, output=output) as process,
        httpx.Client(base_url=urls[0], trust_env=False, timeout=20) as gateway,
        httpx.Client(base_url=urls[1], trust_env=False, timeout=20) as recommender,
    ):
        places.wait_until(lambda: "Try:" in output.read_text("utf-8"), "serve is ready")
        yield Served(workspace, process, output, gateway, recommender, port + 2)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator["RedisServer"]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed; run: make system")
    server = RedisServer(free_port(LOOPBACK), tmp_path)
    server.start()
    yield server
    server.stop()


class RedisServer:
    """A real Redis on loopback that can be stopped and started with its data."""

    def __init__(self, port: int, directory: Path) -> None:
        self.port, self.directory = port, directory
        self.url = f"redis://{LOOPBACK}:{port}/0"

    def start(self) -> None:
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
        self._process = subprocess.Popen(
            ["redis-server", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        places.wait_until(self._answers, "Redis answers", 10)

    def stop(self) -> None:
        """End it; it saves what it holds."""
        self._process.terminate()
        self._process.wait(10)

    def _answers(self) -> bool:
        import redis

        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


def free_port_of_three() -> int:
    """Return a port that is free together with the two after it."""
    from crossfade.schema.errors import InputError
    from serving.ports import require_free

    for _ in range(50):
        port = free_port(LOOPBACK)
        try:
            for number in range(port, port + 3):
                require_free(LOOPBACK, number)
        except InputError:
            continue
        return port
    raise AssertionError("no three free ports in a row")
