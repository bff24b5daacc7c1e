"""Real Prometheus, Alertmanager and receiver on loopback with the configuration of `monitoring/`, for benchmarks and tests."""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from serving.ports import free_port

HOST: Final = "127.0.0.1"
ROOT: Final = Path(__file__).parent.parent
NEEDED: Final = ("prometheus", "prometheus-alertmanager")
TOKEN: Final = "token-of-the-loop"
JSON: Final = {"Content-Type": "application/json"}
WAIT_SECONDS: Final = 40
POLL_SECONDS: Final = 0.1


def why_not() -> str | None:
    """Return why no server can run here, None if they can."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"{', '.join(missing)} not installed; run: make system" if missing else None


def wait_for(what: str, is_there: Callable[[], object], seconds: float = WAIT_SECONDS) -> float:
    """Wait until something is there, and return the seconds that it took.

    Raises:
        TimeoutError: It did not come.
    """
    started = time.monotonic()
    while not is_there():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"{what} did not come in {seconds} s.")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - started


def asked(url: str, body: object = None) -> Any:
    """Return the JSON that a server answers with; with a body, it is posted."""
    sent = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, sent, JSON), timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def answers(url: str) -> bool:
    """Return whether a server answers without an error."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def process(command: Sequence[str], directory: Path, ready: str, home: Path | None = None) -> Iterator[None]:
    """Run a server for the block, its output in a file of the directory, and wait until it answers.

    Args:
        command: Its command line.
        directory: Keeps its output.
        ready: Is asked until it answers.
        home: Where it runs; None runs it in the directory.
    """
    with (directory / f"{Path(command[0]).name}.log").open("ab") as log:
        started = subprocess.Popen(command, cwd=home or directory, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(command[0], lambda: answers(ready))
            yield
        finally:
            started.terminate()
            started.wait(WAIT_SECONDS)


@contextmanager
def receiver(directory: Path, workspace: Path, lake: Path, assignments: Sequence[str]) -> Iterator[int]:
    """Run `python -m monitoring.receiver` from the source checkout, and yield its port."""
    port = free_port(HOST)
    (directory / "receiver-token").write_text(TOKEN, "utf-8")
    changes = [part for each in assignments for part in ("--set", each)]
    command = [
        sys.executable, "-m", "monitoring.receiver", "--workspace", str(workspace), "--lake", str(lake),
        "--token-file", str(directory / "receiver-token"), "--port", str(port), *changes,
    ]  # fmt: skip
    with process(command, directory, f"http://{HOST}:{port}/healthz", ROOT):
        yield port


@contextmanager
def exporter(directory: Path, workspace: Path, lake: Path) -> Iterator[int]:
    """Run `python -m monitoring.exporter` from the source checkout, and yield its port."""
    port = free_port(HOST)
    command = [
        sys.executable, "-m", "monitoring.exporter", "--workspace", str(workspace), "--lake", str(lake),
        "--port", str(port),
    ]  # fmt: skip
    with process(command, directory, f"http://{HOST}:{port}/metrics", ROOT):
        yield port


@contextmanager
def alertmanager(directory: Path, receiver_port: int) -> Iterator[str]:
    """Run Alertmanager with our configuration, only faster; yield its address."""
    port = free_port(HOST)
    text = (ROOT / "monitoring" / "alertmanager.yaml").read_text("utf-8")
    text = re.sub(
        r"(group_wait|group_interval): \S+", r"\1: 1s", text.replace(":8090/", f":{receiver_port}/")
    )
    (directory / "alertmanager.yaml").write_text(text, "utf-8")
    (directory / "receiver-token").write_text(TOKEN, "utf-8")
    command = [
        "prometheus-alertmanager", "--config.file=alertmanager.yaml", "--storage.path=am",
        "--cluster.listen-address=", f"--web.listen-address={HOST}:{port}",
    ]  # fmt: skip
    with process(command, directory, f"http://{HOST}:{port}/-/ready"):
        yield f"http://{HOST}:{port}"


@contextmanager
def prometheus(directory: Path, ports: dict[int, int]) -> Iterator[str]:
    """Run Prometheus with our configuration and rules, only faster, on other ports (usual -> ours); yield its address."""
    port = free_port(HOST)
    text = (ROOT / "monitoring" / "prometheus.yaml").read_text("utf-8")
    for usual, ours in ports.items():
        text = text.replace(f":{usual}", f":{ours}")
    (directory / "prometheus.yaml").write_text(re.sub(r"_interval: 15s", "_interval: 1s", text), "utf-8")
    shutil.copytree(ROOT / "monitoring" / "rules", directory / "rules", dirs_exist_ok=True)
    command = [
        "prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=tsdb",
        f"--web.listen-address={HOST}:{port}",
    ]  # fmt: skip
    with process(command, directory, f"http://{HOST}:{port}/-/ready"):
        yield f"http://{HOST}:{port}"


def firing(prometheus_url: str) -> set[str]:
    """Return the names of the alerts that fire."""
    alerts = asked(f"{prometheus_url}/api/v1/alerts")["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}
