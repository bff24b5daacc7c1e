"""The closed loop of real parts: drift, exporter, Prometheus, Alertmanager, receiver, a run, a new champion, quiet again.

What the receiver starts here promotes a planted bundle instead of training one. That training makes a champion of a lake, and
that gate and validation refuse what is worse or broken, is tested by itself (tests/cli/test_end_to_end.py,
tests/evaluation/test_gate.py).
"""

import json
import re
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import uvicorn

from benchmarks.drift.planting import KINDS, new_genre
from benchmarks.monitoring_servers import (
    HOST,
    TOKEN,
    alertmanager,
    answers,
    asked,
    firing,
    prometheus,
    wait_for,
    why_not,
)
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
from crossfade.store.embedded import EmbeddedStore
from monitoring.dashboards.boards import BOARDS
from monitoring.drift.stage import find_drift
from monitoring.exporter.state import State
from monitoring.receiver.app import app_of
from monitoring.receiver.ledger import JOURNAL, Ledger
from monitoring.receiver.worker import Worker
from serving.ports import free_port
from tests.experiments.rollouts import HOLD, Place
from tests.experiments.test_decision import seen
from tests.monitoring.drift import lakes
from tests.monitoring.planted import plant
from tests.monitoring.test_exporter_experiments import by
from tests.store.slates import publish

SETTINGS = default_settings().receiver.model_copy(update={"recheck_seconds": 0.1})
QUERIES = {query for board in BOARDS for panel in board.panels for query in panel.queries}
PROMOTE = """
import sys
from pathlib import Path
from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace
from tests.monitoring.drift.lakes import promote
from serving.ports import free_port
promote(Workspace.open(Path(sys.argv[1])), Lake.open(Path(sys.argv[2])), trigger=sys.argv[3])
"""

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@contextmanager
def receiver(workspace: Workspace, command: Callable[[str], Sequence[str]]) -> Iterator[int]:
    """Run the receiver in a thread; yield its port."""
    port, exposition = free_port(HOST), Exposition(RECEIVER_METRICS)
    ledger = Ledger(workspace.retraining, SETTINGS)
    app = app_of(
        ledger,
        Worker(ledger, command, SETTINGS, exposition),
        exposition,
        SETTINGS,
        token=TOKEN,
        drift=workspace.drift_figures,
    )
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_for("the receiver", lambda: answers(f"http://{HOST}:{port}/healthz"))
        yield port
    finally:
        server.should_exit = True
        thread.join(20)


def journal(workspace: Workspace) -> list[str]:
    path = workspace.retraining / JOURNAL
    return (
        [json.loads(line)["what"] for line in path.read_text("utf-8").splitlines()] if path.is_file() else []
    )


def listen(gateway: Exposition) -> None:
    """Let the gateway have answered something, some of it badly; rates of other counters are 0 from the start."""
    for status in ("200", "500"):
        gateway.record(HTTP_REQUESTS, 5, route="recommend", status=status)
    gateway.record(HTTP_SECONDS, 0.01, route="recommend")
    gateway.record(QUEUE_SECONDS, 0.001)


def answered(prometheus_url: str) -> set[str]:
    """Return the queries of all dashboards that find something; one that Prometheus does not understand raises."""
    url = f"{prometheus_url}/api/v1/query?query="
    return {query for query in QUERIES if asked(url + urllib.parse.quote(query))["data"]["result"]}


def test_drift_leads_to_a_new_champion_and_quiet(tmp_path: Path) -> None:
    # A third of all plays is of a genre that nobody knew: three hundred listeners differ much from day to day.
    risen = replace(KINDS["new_genre"], plant=partial(new_genre, share=0.3))
    found = lakes.drifted(tmp_path, risen)
    drift = find_drift(found.lake, found.workspace, lakes.SETTINGS, with_champion=False)
    assert drift.verdict is not None
    assert "genres" in {moved.measure for moved in drift.verdict.moved}
    old = found.workspace.champion_digest()
    plant(found.lake, found.workspace)
    publish(EmbeddedStore(found.workspace.store), "g1")
    rollout = Place(tmp_path / "experiments")
    for decided in (HOLD, by(seen())):
        rollout.step(decided)

    def command(reason: str) -> list[str]:
        return [sys.executable, "-c", PROMOTE, str(found.workspace.path), str(found.lake.path), reason]

    state = State(found.workspace, found.lake, rollout=rollout.rollout.directory)
    gateway = Exposition(SERVING_METRICS)
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
        of_the_old = answered(watching)  # of the new champion drift is not looked for any more here
        wait_for("a new champion", lambda: Workspace(found.workspace.path).champion_digest() != old)
        listen(gateway)
        wait_for("quiet", lambda: "CrossfadeDrift" not in firing(watching))
        wait_for("the end of the alert", lambda: "resolved" in journal(found.workspace))
        wait_for("every panel's data", lambda: answered(watching) | of_the_old == QUERIES)
        wait_for("the run's end", lambda: "finished" in journal(found.workspace))
    decided = journal(found.workspace)
    assert decided.count("start") == 1
    assert decided.index("start") < decided.index("running") < decided.index("finished")
    bundle = found.workspace.champion()
    assert re.search(
        r"CrossfadeDrift \(measure \w+\), firing since", (bundle / "MANIFEST.json").read_text("utf-8")
    )


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
        asked(f"{manager}/api/v2/alerts", storm)
        wait_for(
            "all alerts",
            lambda: sum(what in ("start", "busy", "cooldown") for what in journal(workspace)) >= 1000,
        )
        wait_for("the run's end", lambda: "finished" in journal(workspace))
    assert journal(workspace).count("start") == 1
    assert marker.read_text("utf-8") == "x"
