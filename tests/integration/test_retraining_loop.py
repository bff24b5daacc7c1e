"""The closed loop of real parts: drift, exporter, Prometheus, Alertmanager, receiver, a run, a new champion, quiet again.

What the receiver starts here promotes a planted bundle instead of training one. That training makes a champion of a lake, and
that gate and validation refuse what is worse or broken, is tested by itself (tests/cli/test_end_to_end.py,
tests/evaluation/test_gate.py).
"""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from benchmarks.drift.planting import KINDS
from crossfade.recommender.workspace import Workspace
from crossfade.schema.exposition import Exposition, Fresh, served
from crossfade.schema.metrics import (
    HTTP_REQUESTS,
    HTTP_SECONDS,
    QUEUE_SECONDS,
    RECEIVER_METRICS,
    SERVING_METRICS,
)
from crossfade.schema.settings import default_settings
from monitoring.dashboards.boards import BOARDS
from monitoring.drift.stage import find_drift
from monitoring.exporter.state import State
from monitoring.receiver.app import app_of
from monitoring.receiver.ledger import JOURNAL, Ledger
from monitoring.receiver.worker import Worker
from tests.monitoring.drift import lakes

ROOT = Path(__file__).parents[2]
TOKEN = "token-of-the-loop"
HOST = "127.0.0.1"
SETTINGS = default_settings().receiver.model_copy(update={"recheck_seconds": 0.1})
NEEDED = ("prometheus", "prometheus-alertmanager")
# Nothing was published here, and no weekly batch ran.
WITHOUT = {
    query
    for board in BOARDS
    for panel in board.panels
    for query in panel.queries
    if "crossfade_generation" in query or "crossfade_weekly" in query or "validation" in query
}
PROMOTE = """
import sys
from pathlib import Path
from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace
from tests.monitoring.drift.lakes import promote
promote(Workspace.open(Path(sys.argv[1])), Lake.open(Path(sys.argv[2])), trigger=sys.argv[3])
"""

pytestmark = pytest.mark.skipif(
    any(shutil.which(name) is None for name in NEEDED), reason=f"{NEEDED} are not installed; run: make system"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, is_there: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen in {seconds} s.")
        time.sleep(0.1)


def asked(url: str, body: bytes | None = None) -> Any:
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def process(command: Sequence[str], directory: Path, ready: str) -> Iterator[None]:
    """Run a server for the block, and wait until it answers."""
    with (directory / f"{command[0]}.log").open("wb") as log:
        started = subprocess.Popen(command, cwd=directory, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(command[0], lambda: answers(ready))
            yield
        finally:
            started.terminate()
            started.wait(20)


@contextmanager
def receiver(workspace: Workspace, command: Callable[[str], Sequence[str]]) -> Iterator[int]:
    """Run the receiver in a thread; yield its port."""
    port, exposition = free_port(), Exposition(RECEIVER_METRICS)
    ledger = Ledger(workspace.retraining, SETTINGS)
    app = app_of(ledger, Worker(ledger, command, SETTINGS, exposition), exposition, SETTINGS, token=TOKEN)
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_for("the receiver", lambda: answers(f"http://{HOST}:{port}/healthz"))
        yield port
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def alertmanager(directory: Path, receiver_port: int) -> Iterator[str]:
    """Run Alertmanager with our configuration, only faster; yield its address."""
    port = free_port()
    text = (
        (ROOT / "monitoring" / "alertmanager.yaml").read_text("utf-8").replace(":8090/", f":{receiver_port}/")
    )
    text = re.sub(r"(group_wait|group_interval): \S+", r"\1: 1s", text)
    (directory / "alertmanager.yaml").write_text(text, "utf-8")
    (directory / "receiver-token").write_text(TOKEN, "utf-8")
    command = [
        "prometheus-alertmanager", "--config.file=alertmanager.yaml", "--storage.path=am", "--cluster.listen-address=",
        f"--web.listen-address={HOST}:{port}",
    ]  # fmt: skip
    with process(command, directory, f"http://{HOST}:{port}/-/ready"):
        yield f"http://{HOST}:{port}"


@contextmanager
def prometheus(directory: Path, ports: dict[int, int]) -> Iterator[str]:
    """Run Prometheus with our configuration and rules, only faster, on other ports (usual -> ours); yield its address."""
    port = free_port()
    text = (ROOT / "monitoring" / "prometheus.yaml").read_text("utf-8")
    for usual, ours in ports.items():
        text = text.replace(f":{usual}", f":{ours}")
    text = re.sub(r"_interval: 15s", "_interval: 1s", text)
    shutil.copytree(ROOT / "monitoring" / "rules", directory / "rules")
    (directory / "prometheus.yaml").write_text(text, "utf-8")
    command = [
        "prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=tsdb", f"--web.listen-address={HOST}:{port}",
    ]  # fmt: skip
    with process(command, directory, f"http://{HOST}:{port}/-/ready"):
        yield f"http://{HOST}:{port}"


def journal(workspace: Workspace) -> list[str]:
    path = workspace.retraining / JOURNAL
    return (
        [json.loads(line)["what"] for line in path.read_text("utf-8").splitlines()] if path.is_file() else []
    )


def firing(prometheus_url: str) -> set[str]:
    alerts = asked(f"{prometheus_url}/api/v1/alerts")["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def listen(gateway: Exposition) -> None:
    """Let the gateway have answered something, some of it badly; rates of other counters are 0 from the start."""
    for status in ("200", "500"):
        gateway.record(HTTP_REQUESTS, 5, route="recommend", status=status)
    gateway.record(HTTP_SECONDS, 0.01, route="recommend")
    gateway.record(QUEUE_SECONDS, 0.001)


def empty_panels(prometheus_url: str) -> list[str]:
    """Return the queries of all dashboards that find nothing; one that Prometheus does not understand raises."""
    queries = [query for board in BOARDS for panel in board.panels for query in panel.queries]
    found = {
        query: asked(f"{prometheus_url}/api/v1/query?query={urllib.parse.quote(query)}")["data"]["result"]
        for query in queries
    }
    return [query for query, result in found.items() if not result and query not in WITHOUT]


def test_drift_leads_to_a_new_champion_and_quiet(tmp_path: Path) -> None:
    found = lakes.drifted(tmp_path, KINDS["taste_shift"])
    drift = find_drift(found.lake, found.workspace, lakes.SETTINGS, with_champion=False)
    assert drift.verdict is not None
    assert "genres" in {moved.measure for moved in drift.verdict.moved}
    old = found.workspace.champion_digest()

    def command(reason: str) -> list[str]:
        return [sys.executable, "-c", PROMOTE, str(found.workspace.path), str(found.lake.path), reason]

    state, gateway = State(found.workspace, found.lake), Exposition(SERVING_METRICS)
    with ExitStack() as parts:
        exporter_port = parts.enter_context(served(Fresh(state.exposition), HOST, 0))
        gateway_port = parts.enter_context(served(gateway, HOST, 0))
        receiver_port = parts.enter_context(receiver(found.workspace, command))
        manager = parts.enter_context(alertmanager(tmp_path, receiver_port))
        ports = {
            8091: exporter_port,
            8090: receiver_port,
            8080: gateway_port,
            9093: int(manager.rpartition(":")[2]),
        }
        watching = parts.enter_context(prometheus(tmp_path, ports))
        wait_for("an alert", lambda: "CrossfadeDrift" in firing(watching))
        wait_for("a new champion", lambda: Workspace(found.workspace.path).champion_digest() != old)
        listen(gateway)
        wait_for("quiet", lambda: "CrossfadeDrift" not in firing(watching))
        wait_for("the end of the alert", lambda: "resolved" in journal(found.workspace))
        wait_for("every panel's data", lambda: not empty_panels(watching))
    decided = journal(found.workspace)
    assert decided.count("start") == 1
    assert decided.index("start") < decided.index("running") < decided.index("finished")
    bundle = found.workspace.champion()
    assert "CrossfadeDrift (measure genres), firing since" in (bundle / "MANIFEST.json").read_text("utf-8")


def test_a_storm_of_a_thousand_alerts_starts_one_run(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    marker = tmp_path / "started"
    code = f"open({str(marker)!r}, 'a').write('x')"
    with (
        receiver(workspace, lambda _: [sys.executable, "-c", code]) as port,
        alertmanager(tmp_path, port) as manager,
    ):
        now = datetime.now(UTC).isoformat()
        labels = {"alertname": "CrossfadeDrift", "retrain": "true"}
        storm = [{"labels": labels | {"measure": f"m{number}"}, "startsAt": now} for number in range(1000)]
        asked(f"{manager}/api/v2/alerts", json.dumps(storm).encode())
        wait_for(
            "all alerts",
            lambda: sum(what in ("start", "busy", "cooldown") for what in journal(workspace)) >= 1000,
        )
        wait_for("the run's end", lambda: "finished" in journal(workspace))
    assert journal(workspace).count("start") == 1
    assert marker.read_text("utf-8") == "x"
