"""An upgrade under load: all recommenders and gateways are replaced by those of another version, and lost requests counted.

Pods are processes, Services are `endpoints`; pods are replaced as the manifests tell Kubernetes to (`rolling`). Bundle, playlists
and the pods at the beginning are the older version's, whose code is taken out of Git.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import yaml

from benchmarks.harness import Bar, Options, Progress, Result
from benchmarks.serving.place import radio_asks, renamed_copy
from benchmarks.serving.services import answers
from benchmarks.upgrade.asking import Call, Clients
from benchmarks.upgrade.endpoints import HOST, Endpoints, service
from benchmarks.upgrade.left import NUM_USERS
from benchmarks.upgrade.older import ROOT, code_of, left_by
from benchmarks.upgrade.rolling import Ending, Pod, ended, replaced
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import NotFoundError
from serving.ports import free_port

READS: Final = ("revision",)
WORKLOADS: Final = ("recommender", "gateway")  # in the order in which they are replaced
START_SECONDS: Final = 180
QUIET_SECONDS: Final = 2.0  # of load before and after
QUICK_PRESTOP_SECONDS: Final = 2.0
NUM_CLIENTS, PAUSE_SECONDS = 4, 0.2
# A busy machine must not turn answers into fallbacks: what is counted is what an upgrade loses.
PATIENT: Final = ("serving.patience_ms=30000", "serving.budget_ms=30000", "serving.requests_per_second=1e9")

Figures = Mapping[str, float | int | str | bool]


def run(options: Options) -> Result:
    """Upgrade under load, then end a gateway without the care that the manifests take, which must be seen.

    Args:
        options: `revision` names the version that is upgraded from; empty is this checkout. `directory` names a demo's
            directory, whose champion answers; else a planted world's is made. With `quick` there is one pod of each,
            and pauses are shorter.

    Raises:
        NotFoundError: There is no such revision, or a pod does not get ready.
    """
    told = Progress()
    with TemporaryDirectory() as made:
        scratch = Path(made)
        code = code_of(options.revision, scratch / "code")
        told.say("a workspace of the older version ...")
        workspace = left_by(code, scratch, quick=options.quick, directory=options.directory)
        told.add({"quick": options.quick, "upgraded_from": options.revision or "this checkout"})
        calls = _calls(Recommender.load(workspace.champion()))
        with _installation(workspace, code, 1 if options.quick else 2) as place:
            told.measure("an upgrade", lambda: place.upgraded(calls, quick=options.quick))
            told.measure("an end without care", lambda: place.careless(calls))
    return Result(told.figures, _bars(told.figures), [_NOTE])


_NOTE: Final = "All pods and clients share this machine's cores; nothing here is Kubernetes itself."


def _calls(known: Recommender) -> list[Call]:
    """Return a radio and the stored playlist of each user, in turn."""
    users = [str(user) for user in known.dataset.users.ids.ids[:NUM_USERS].to_pylist()]
    asks = [ask.model_dump(mode="json", exclude_defaults=True) for ask in radio_asks(known, users)]
    radios = [Call("/v1/recommend", {**ask, "surface": "radio", "k": 5}) for ask in asks]
    stored = [Call(f"/v1/users/{user}/playlists/discover_weekly") for user in users]
    return [call for both in zip(radios, stored, strict=True) for call in both]


class _Installation:
    """Services with their pods, and where the code of new pods is."""

    def __init__(self, workspace: Workspace, code: Path, endpoints: dict[str, Endpoints]) -> None:
        self.workspace, self.code, self.endpoints = workspace, code, endpoints
        self.pods: dict[str, list[Pod]] = {name: [] for name in WORKLOADS}

    def start(self, workload: str) -> Pod:
        """Start a pod of a workload and wait until it is ready."""
        port = free_port(HOST)
        sets = [part for each in PATIENT for part in ("--set", each)]
        options, ready = _COMMANDS[workload](self, port)
        command = [sys.executable, "-m", f"serving.{workload}", *options, *sets]
        process = subprocess.Popen(command, cwd=self.code)
        _wait_until(lambda: process.poll() is not None or answers(ready), f"{workload} is ready")
        if process.poll() is not None:
            raise NotFoundError(f"A {workload} ended with {process.returncode} before it was ready.")
        return Pod(process, port)

    def recommender_command(self, port: int) -> tuple[list[str], str]:
        """Return options of a recommender and where it tells that it is ready."""
        rest = free_port(HOST)
        words = [f"--workspace={self.workspace.path}", f"--rest-port={rest}", f"--rpc-port={port}"]
        return words, f"http://{HOST}:{rest}/v2/models/crossfade/ready"

    def gateway_command(self, port: int) -> tuple[list[str], str]:
        """Likewise of a gateway, which asks the recommenders' Service."""
        where = f"grpc://{HOST}:{self.endpoints['recommender'].port}"
        log = self.workspace.path / f"exposures-{port}.jsonl"
        words = [f"--workspace={self.workspace.path}", f"--recommender={where}", f"--port={port}"]
        return [*words, f"--exposures={log}"], f"http://{HOST}:{port}/readyz"

    def begin(self, workload: str, num_pods: int) -> None:
        """Start the first pods of a workload."""
        for _ in range(num_pods):
            self.pods[workload].append(self.start(workload))
            self.endpoints[workload].add(self.pods[workload][-1].port)

    def upgraded(self, calls: Sequence[Call], *, quick: bool) -> Figures:
        """Replace all pods by this checkout's, then promote a bundle as its pipelines would; count what is lost meanwhile."""
        self.code, started = ROOT, time.monotonic()
        clients = self._clients(calls)
        with clients.asking():
            time.sleep(QUIET_SECONDS)
            for workload in WORKLOADS:
                ending = Ending(QUICK_PRESTOP_SECONDS if quick else prestop_seconds(workload))
                start = partial(self.start, workload)
                self.pods[workload] = replaced(self.pods[workload], start, self.endpoints[workload], ending)
            another = renamed_copy(self.workspace)
            self.workspace.promote(another, reason="Upgraded.", run_id="bench", evaluation={})
            _wait_until(lambda: clients.seen[f"bundle {another}"] > 0, "the new bundle answers")
            time.sleep(QUIET_SECONDS)
        return {
            "upgrade_seconds": time.monotonic() - started,
            "upgrade_requests": clients.seen["requests"],
            "upgrade_stored": clients.seen["stored"],
            "upgrade_lost": clients.num_lost,
            "upgrade_fallbacks": clients.seen["fallbacks"],
        }

    def careless(self, calls: Sequence[Call]) -> Figures:
        """Kill a gateway of several, with no preStop and no SIGTERM: how many requests that loses."""
        self.begin("gateway", 1)
        clients = self._clients(calls)
        with clients.asking():
            time.sleep(QUIET_SECONDS)
            ended(self.pods["gateway"].pop(0), self.endpoints["gateway"], Ending(0.0, signal.SIGKILL))
            time.sleep(QUIET_SECONDS)
        return {"careless_requests": clients.seen["requests"], "careless_lost": clients.num_lost}

    def _clients(self, calls: Sequence[Call]) -> Clients:
        url = f"http://{HOST}:{self.endpoints['gateway'].port}"
        return Clients(url, calls, NUM_CLIENTS, PAUSE_SECONDS)


_COMMANDS: Final[dict[str, Callable[[_Installation, int], tuple[list[str], str]]]] = {
    "recommender": _Installation.recommender_command,
    "gateway": _Installation.gateway_command,
}


@contextmanager
def _installation(workspace: Workspace, code: Path, num_pods: int) -> Iterator[_Installation]:
    """Run services and their pods for the block."""
    with service(free_port(HOST)) as recommenders, service(free_port(HOST)) as gateways:
        place = _Installation(workspace, code, {"recommender": recommenders, "gateway": gateways})
        try:
            for workload in WORKLOADS:
                place.begin(workload, num_pods)
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


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise NotFoundError(f"Not in {START_SECONDS} s: {what}.")
        time.sleep(0.1)


def _bars(figures: Figures) -> dict[str, Bar]:
    value = {name: float(each) for name, each in figures.items() if not isinstance(each, str)}
    return {
        "upgrade_lost": Bar(value["upgrade_lost"], at_most=0),
        "upgrade_fallbacks": Bar(value["upgrade_fallbacks"], at_most=0),
        "upgrade_stored": Bar(value["upgrade_stored"], at_least=1),
        "careless_lost": Bar(value["careless_lost"], at_least=1),
    }
