"""Services on loopback, a published playlist for every user, and the load that another process makes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx
import numpy as np
import pyarrow as pa

from benchmarks.serving import load
from benchmarks.serving.load import Outcome, Plan
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.errors import NotFoundError
from crossfade.store.contract import SLATES, Generation, SlateStore
from crossfade.store.plan import KINDS
from serving.ports import free_port

HOST: Final = "127.0.0.1"
SURFACE: Final = "discover_weekly"
LENGTH: Final = 30
NO_LIMIT: Final = ("--set", "serving.requests_per_second=1e9", "--set", "serving.burst_requests=1000000000")
START_SECONDS: Final = 120


@contextmanager
def started(command: Sequence[str], ready: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a Python command until the end of the block, once its `ready` URL answers.

    Raises:
        NotFoundError: It ends, or does not answer in two minutes.
    """
    process = subprocess.Popen([sys.executable, *command])
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotFoundError(f"{' '.join(command[:2])} does not answer at {ready}.")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str) -> bool:
    """Return whether a GET is answered, and not by the server's own trouble, as of one that is not ready yet."""
    try:
        return httpx.get(url, trust_env=False).status_code < 500
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Service:
    """A running service: its address, the process whose work is counted, and what the gateway calls it by."""

    url: str
    pid: int
    rpc: str = ""

    def processor_seconds(self) -> float:
        """Return how long it has worked on any core (Linux)."""
        words = self._words()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def core(self) -> int:
        """Return the core that its event loop is on (Linux); the recommender's worker is on the same (`serving.one_core`)."""
        return int(self._words()[36])

    def _words(self) -> list[str]:
        return Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()


@contextmanager
def recommender(workspace: Workspace) -> Iterator[Service]:
    """Run the recommender service."""
    port, rpc = free_port(HOST), free_port(HOST)
    url = f"http://{HOST}:{port}"
    ports = ("--rest-port", str(port), "--rpc-port", str(rpc))
    command = ["-m", "serving.recommender", "--workspace", str(workspace.path), *ports]
    with started(command, f"{url}/v2/models/crossfade/ready") as process:
        yield Service(url, process.pid, f"grpc://{HOST}:{rpc}")


@contextmanager
def gateway(workspace: Workspace, recommender_url: str, store: str) -> Iterator[Service]:
    """Run the gateway."""
    port = free_port(HOST)
    url = f"http://{HOST}:{port}"
    given = ("--workspace", str(workspace.path), "--recommender", recommender_url, "--port", str(port))
    chosen = ("--store", store) if store else ()
    with started(["-m", "serving.gateway", *given, *chosen, *NO_LIMIT], f"{url}/readyz") as process:
        yield Service(url, process.pid)


@contextmanager
def bare_route(workspace: Workspace, store: str) -> Iterator[Service]:
    """Run the bare Starlette route."""
    port = free_port(HOST)
    url = f"http://{HOST}:{port}"
    with started(
        ["-m", "benchmarks.serving.bare", str(workspace.path), store, str(port)], f"{url}/nobody"
    ) as process:
        yield Service(url, process.pid)


def loaded(plan: Plan) -> Outcome:
    """Make the load of a plan from another process."""
    return finished(loading(plan))


def measured(service: Service, plan: Plan) -> tuple[Outcome, float]:
    """Make a load and return what came back, and the service's work for each answer of its own in seconds of a core."""
    before = service.processor_seconds()
    outcome = loaded(plan)
    # A second of warming up is worked for, but not among the requests that count.
    num_requests = outcome.requests_per_second * (plan.seconds + 1)
    return outcome, (service.processor_seconds() - before) / max(num_requests - outcome.fallbacks, 1)


def loading(plan: Plan) -> "subprocess.Popen[str]":
    """Begin the load of a plan in another process."""
    process = subprocess.Popen(
        [sys.executable, load.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None, "it is a pipe"
    process.stdin.write(json.dumps(asdict(plan)))
    process.stdin.close()
    return process


def finished(process: "subprocess.Popen[str]") -> Outcome:
    """Wait for a load and return what came back."""
    assert process.stdout is not None, "it is a pipe"
    told = process.stdout.read()
    process.wait()
    return Outcome(**json.loads(told))


def publish(store: SlateStore, known: Recommender, users: Sequence[str]) -> None:
    """Publish a playlist of 30 tracks for each user, of random tracks: what is read, not what is recommended."""
    random = np.random.default_rng(0)
    tracks = known.catalogue.tracks.ids
    generation = Generation(
        SURFACE, "g1", known.digest, known.as_of, {}, LENGTH, len(users), c.RADIO_SOURCES, KINDS
    )
    rows = [
        {
            c.USER_ID: user,
            c.TRACK_IDS: tracks.take(pa.array(random.choice(len(tracks), LENGTH, replace=False))).to_pylist(),
            "scores": random.random(LENGTH).tolist(),
            "propensities": [1.0] * LENGTH,
            "sources": [c.TWO_TOWER] * LENGTH,
            "reason_kinds": [KINDS[1]] * LENGTH,
            "reasons": ["Because you listen to it"] * LENGTH,
        }
        for user in users
    ]
    with store.begin(generation) as writer:
        writer.put_many(pa.Table.from_pylist(rows, schema=SLATES))
    store.activate(SURFACE, "g1")
