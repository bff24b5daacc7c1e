"""The harness of upgrades, with pods that answer at once: care loses nothing, and what is careless is seen."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.upgrade import prestop_seconds, rolling
from benchmarks.upgrade.asking import Call, Clients
from benchmarks.upgrade.endpoints import HOST, Endpoints, service
from benchmarks.upgrade.older import ROOT, code_of
from benchmarks.upgrade.rolling import Ending, Pod, ended, replaced
from crossfade.schema.errors import NotFoundError
from serving.ports import free_port

# Answers with its name, after a moment in which it may be told to end; SIGTERM ends it when all are answered.
POD = """
import json, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"fallback": None, "bundle": sys.argv[2]})
    def do_GET(self):
        self.answer({"fallback": None, "generation": "g1"})
    def answer(self, told):
        time.sleep(0.02)
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
class Server(ThreadingHTTPServer):
    daemon_threads = False
server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.02)
server.server_close()
"""


def started(name: str) -> Pod:
    port = free_port(HOST)
    process = subprocess.Popen([sys.executable, "-IS", "-c", POD, str(port), name])
    while True:
        try:
            socket.create_connection((HOST, port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return Pod(process, port)


@pytest.fixture
def endpoints(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoints]:
    monkeypatch.setattr(rolling, "LAG_SECONDS", 0.2)
    with service(free_port(HOST)) as found:
        yield found


def asking(endpoints: Endpoints) -> Clients:
    calls = [Call("/asked", {}), Call("/stored")]
    return Clients(f"http://{HOST}:{endpoints.port}", calls, num_clients=3, pause_seconds=0.01)


def test_pods_that_end_with_care_lose_no_request(endpoints: Endpoints) -> None:
    old = [started("old"), started("old")]
    for pod in old:
        endpoints.add(pod.port)
    clients = asking(endpoints)
    with clients.asking():
        new = replaced(old, lambda: started("new"), endpoints, Ending(0.3))
        time.sleep(0.1)
    assert [pod.process.returncode for pod in old] == [0, 0]
    assert (clients.num_lost, clients.seen["fallbacks"]) == (0, 0), clients.errors
    assert clients.seen["bundle old"] > 0 < clients.seen["bundle new"]
    assert clients.seen["stored"] > 0
    answered = [clients.seen[name] for name in ("bundle old", "bundle new", "stored")]
    assert clients.seen["requests"] == sum(answered)
    assert [ended(pod, endpoints, Ending(0.0)) for pod in new] == [0, 0]


def test_a_pod_that_is_killed_while_others_lead_to_it_loses_requests(endpoints: Endpoints) -> None:
    pods = [started("a"), started("b")]
    for pod in pods:
        endpoints.add(pod.port)
    clients = asking(endpoints)
    with clients.asking():
        while not clients.seen["requests"]:
            time.sleep(0.02)
        assert ended(pods[0], endpoints, Ending(0.0, signal.SIGKILL)) == -signal.SIGKILL
        time.sleep(0.1)
    assert clients.num_lost > 0
    ended(pods[1], endpoints, Ending(0.0))


def test_a_pod_that_does_not_end_is_told(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "GRACE_SECONDS", 0.3)
    pod = started("a")
    with pytest.raises(TimeoutError, match=r"A pod did not end in 0\.3 s\."):
        ended(pod, endpoints, Ending(0.0, signal.SIGCONT))
    assert pod.process.wait() == -signal.SIGKILL


def test_the_older_code_is_that_of_the_revision(tmp_path: Path) -> None:
    assert code_of("", tmp_path / "code") == ROOT
    with pytest.raises(NotFoundError, match="no revision 'nothing' to upgrade from: "):
        code_of("nothing", tmp_path / "code")


def test_the_pause_is_that_of_the_manifests() -> None:
    assert prestop_seconds("gateway") == prestop_seconds("recommender") == 10
