"""One workspace and one `crossfade serve` for all tests of this area."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from crossfade.recommender.workspace import Workspace
from serving.ports import free_ports
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
def workspace(planted_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return places.make_workspace(planted_world, tmp_path_factory.mktemp("serving"))


@pytest.fixture(scope="session")
def served(workspace: Workspace) -> Iterator[Served]:
    port = free_ports(LOOPBACK, 3)[0]
    output = workspace.path / "serve.log"
    # A busy machine must not turn answers into fallbacks; those have tests of their own.
    chosen = ("watch_seconds=0.2", "patience_ms=60000", "budget_ms=60000")
    sets = [part for each in chosen for part in ("--set", f"serving.{each}")]
    arguments = ("--workspace", str(workspace.path), "--port", str(port), *sets)
    urls = [f"http://{LOOPBACK}:{number}" for number in (port, port + 1)]
    with (
        places.running("-c", SERVE, *arguments, output=output) as process,
        httpx.Client(base_url=urls[0], trust_env=False, timeout=70) as gateway,
        httpx.Client(base_url=urls[1], trust_env=False, timeout=70) as recommender,
    ):
        places.wait_until(
            lambda: process.poll() is not None or "Ctrl-C" in output.read_text("utf-8"), "serve is ready"
        )
        assert process.poll() is None, output.read_text("utf-8")
        yield Served(workspace, process, output, gateway, recommender, port + 2)
