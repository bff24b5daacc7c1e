"""An upgrade under load: recommenders and gateways of the version before are replaced, and lost requests counted.

Pods are processes, Services are `endpoints`; pods are replaced as the manifests tell Kubernetes to (`rolling`). The version
before is the code of the newest commit in which `serving/` was another, taken out of Git; without Git it is this one.
"""

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import yaml

from benchmarks.harness import Bar, Options, Progress, Result
from benchmarks.serving.place import radio_asks, renamed_copy, workspace_of
from benchmarks.upgrade.asking import Clients
from benchmarks.upgrade.endpoints import HOST, Endpoints, service
from benchmarks.upgrade.rolling import Ending, Pod, ended, replaced
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import NotFoundError
from serving.ports import free_port

ROOT: Final = Path(__file__).parents[2]
WORKLOADS: Final = ("recommender", "gateway")
START_SECONDS: Final = 180
QUIET_SECONDS: Final = 2.0  # of load before and after
NUM_CLIENTS, PAUSE_SECONDS = 4, 0.2
# A busy machine must not turn answers into fallbacks: what is counted is what an upgrade loses.
PATIENT: Final = ("serving.patience_ms=30000", "serving.budget_ms=30000", "serving.requests_per_second=1e9")


def run(options: Options) -> Result:
    """Upgrade under load, then end a gateway without the care that the manifests take, which must be seen.

    Args:
        options: `directory` names a demo's directory, whose champion answers; else a planted world's is made. With `quick`
            there is one pod of each, and pauses are shorter.

    Raises:
        NotFoundError: A pod does not get ready.
    """
    told = Progress()
    with TemporaryDirectory() as scratch:
        told.say("a bundle, and the version before ...")
        workspace = workspace_of(options, Path(scratch))
        before, revision = _version_before(Path(scratch) / "before")
        told.add({"quick": options.quick, "version_before": revision or "this one"})
        known = Recommender.load(workspace.champion())
        users = [str(user) for user in known.dataset.users.ids.ids[:200].to_pylist()]
        asks = [ask.model_dump(mode="json", exclude_defaults=True) for ask in radio_asks(known, users)]
        bodies = [{**ask, "surface": "radio", "k": 5} for ask in asks]
        with _installation(workspace, before, 1 if options.quick else 2) as place:
            told.measure("an upgrade", lambda: place.upgraded(bodies, 2.0 if options.quick else 0.0))
            told.measure("an end without care", lambda: place.careless(bodies))
    return Result(told.figures, _bars(told.figures), [_NOTE])


_NOTE: Final = "All pods and clients share this machine's cores; nothing here is Kubernetes itself."


class _Installation:
    """Services with their pods, of the version before until it is upgraded."""

    def __init__(self, workspace: Workspace, endpoints: dict[str, Endpoints]) -> None:
        self.workspace, self._endpoints = workspace, endpoints
        self.pods: dict[str, list[Pod]] = {name: [] for name in WORKLOADS}

    def start(self, workload: str, code: Path) -> Pod:
        """Start a pod of a workload and wait until it is ready."""
        port = free_port(HOST)
        sets = [part for each in PATIENT for part in ("--set", each)]
        command, ready = _COMMANDS[workload](self, port)
        process = subprocess.Popen(
            [sys.executable, "-m", f"serving.{workload}", *command, *sets],
            cwd=code,
            env={**os.environ, "PYTHONPATH": str(code)},
        )
        deadline = time.monotonic() + START_SECONDS
        while not _answers(ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotFoundError(f"A {workload} does not answer at {ready}.")
            time.sleep(0.1)
        return Pod(process, port)

    def recommender_command(self, port: int) -> tuple[list[str], str]:
        """Return options of a recommender and where it tells that it is ready."""
        rest = free_port(HOST)
        bundle = str(self.workspace.champion())
        return [
            "--bundle",
            bundle,
            "--rest-port",
            str(rest),
            "--rpc-port",
            str(port),
        ], f"http://{HOST}:{rest}/v2/models/crossfade/ready"

    def gateway_command(self, port: int) -> tuple[list[str], str]:
        """Likewise of a gateway, which asks the recommenders' Service."""
        where = f"grpc://{HOST}:{self._endpoints['recommender'].port}"
        log = str(self.workspace.path / f"exposures-{port}.jsonl")
        words = [
            "--workspace",
            str(self.workspace.path),
            "--recommender",
            where,
            "--port",
            str(port),
            "--exposures",
            log,
        ]
        return words, f"http://{HOST}:{port}/readyz"

    def begin(self, workload: str, code: Path, num_pods: int) -> None:
        """Start the first pods of a workload."""
        for _ in range(num_pods):
            self.pods[workload].append(self.start(workload, code))
            self._endpoints[workload].add(self.pods[workload][-1].port)

    def upgraded(self, bodies: list[Any], sleep_seconds: float) -> dict[str, float | int | str | bool]:
        """Replace all pods by those of this version, which serve another bundle, and count what is lost meanwhile.

        Args:
            bodies: Requests to the gateway.
            sleep_seconds: Of preStop; 0 takes the manifests'.
        """
        another = renamed_copy(self.workspace)
        clients, started = self._clients(bodies), time.monotonic()
        with clients.asking():
            time.sleep(QUIET_SECONDS)
            self.workspace.promote(another, reason="Upgraded.", run_id="bench", evaluation={})
            for workload in WORKLOADS:
                ending = Ending(sleep_seconds or prestop_seconds(workload))
                start = partial(self.start, workload, ROOT)
                self.pods[workload] = replaced(self.pods[workload], start, self._endpoints[workload], ending)
            time.sleep(QUIET_SECONDS)
        return {
            "upgrade_seconds": time.monotonic() - started,
            "upgrade_requests": clients.seen["requests"],
            "upgrade_lost": clients.num_lost,
            "upgrade_fallbacks": clients.seen["fallbacks"],
            "upgrade_bundles_seen": sum(name.startswith("bundle ") for name in clients.seen),
        }

    def careless(self, bodies: list[Any]) -> dict[str, float | int | str | bool]:
        """Kill a gateway of two, with no preStop and no SIGTERM: how many requests that loses."""
        self.begin("gateway", ROOT, 1)
        clients = self._clients(bodies)
        with clients.asking():
            time.sleep(QUIET_SECONDS)
            ended(self.pods["gateway"].pop(0), self._endpoints["gateway"], Ending(0.0, signal.SIGKILL))
            time.sleep(QUIET_SECONDS)
        return {"careless_requests": clients.seen["requests"], "careless_lost": clients.num_lost}

    def _clients(self, bodies: list[Any]) -> Clients:
        url = f"http://{HOST}:{self._endpoints['gateway'].port}/v1/recommend"
        return Clients(url, bodies, NUM_CLIENTS, PAUSE_SECONDS)


_COMMANDS: Final[dict[str, Callable[[_Installation, int], tuple[list[str], str]]]] = {
    "recommender": _Installation.recommender_command,
    "gateway": _Installation.gateway_command,
}


@contextmanager
def _installation(workspace: Workspace, code: Path, num_pods: int) -> Iterator[_Installation]:
    """Run services and pods of the version before for the block."""
    with service(free_port(HOST)) as recommenders, service(free_port(HOST)) as gateways:
        place = _Installation(workspace, {"recommender": recommenders, "gateway": gateways})
        try:
            for workload in WORKLOADS:
                place.begin(workload, code, num_pods)
            yield place
        finally:
            for pod in (pod for pods in reversed(place.pods.values()) for pod in pods):
                pod.process.terminate()
                pod.process.wait(60)


def prestop_seconds(workload: str) -> float:
    """Return how long the manifests let a pod go on while others are told that it ends."""
    path = ROOT / "manifests" / "base" / workload / "inferenceservice.yaml"
    (container,) = yaml.safe_load(path.read_text("utf-8"))["spec"]["predictor"]["containers"]
    return float(container["lifecycle"]["preStop"]["sleep"]["seconds"])


def _version_before(directory: Path) -> tuple[Path, str]:
    """Return a directory with the code of the version before, and its commit; ours and "" where Git has none."""
    try:
        listed = _git("log", "-2", "--format=%H", "--", "serving").split()
        revision = listed[0] if _git("status", "--porcelain", "--", "serving") else listed[1]
        archive = subprocess.run(
            ["git", "archive", revision], cwd=ROOT, capture_output=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError, IndexError):
        return ROOT, ""
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(directory, filter="data")
    return directory, revision[:12]


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _bars(figures: dict[str, float | int | str | bool]) -> dict[str, Bar]:
    value = {name: float(each) for name, each in figures.items() if not isinstance(each, str)}
    return {
        "upgrade_lost": Bar(value["upgrade_lost"], at_most=0),
        "upgrade_fallbacks": Bar(value["upgrade_fallbacks"], at_most=0),
        "upgrade_bundles_seen": Bar(value["upgrade_bundles_seen"], at_least=2),
        "careless_lost": Bar(value["careless_lost"], at_least=1),
    }
