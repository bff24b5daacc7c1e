"""A service that is told to end before it listens ends, too."""

import signal
import sys
from pathlib import Path

import pytest

from crossfade.recommender.workspace import Workspace
from serving.ports import free_ports
from tests.serving import places
from tests.serving.conftest import LOOPBACK
from tests.serving.gateways import NOWHERE


def takes(pid: int, number: int) -> bool:
    """Return whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.mark.skipif(sys.platform != "linux", reason="Handlers are looked up in /proc.")
@pytest.mark.parametrize("name", ["recommender", "gateway"])
def test_a_signal_before_the_first_request_is_not_lost(
    workspace: Workspace, tmp_path: Path, name: str
) -> None:
    first, second = free_ports(LOOPBACK, 2)
    ports = {
        "recommender": ("--rest-port", str(first), "--rpc-port", str(second)),
        "gateway": ("--port", str(first), "--recommender", NOWHERE),
    }
    command = ("-m", f"serving.{name}", "--workspace", str(workspace.path), *ports[name])
    with places.running(*command, output=tmp_path / "log") as process:
        places.wait_until(lambda: takes(process.pid, signal.SIGTERM), "it takes the signal", 150)
        process.terminate()
        assert process.wait(15) == 0, (tmp_path / "log").read_text("utf-8")
    assert "Traceback" not in (tmp_path / "log").read_text("utf-8")
