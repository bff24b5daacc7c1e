"""Alarms against a real Prometheus, which scrapes itself; on both sides of their bound, and where it is away or refuses."""

import shutil
from collections.abc import Iterator

import pytest

from benchmarks.monitoring_servers import HOST, asked, free_port, process, wait_for
from crossfade.experiments.alarms import Prometheus
from crossfade.experiments.deciding import by_alarms
from crossfade.experiments.decision import Action
from crossfade.experiments.history import Standing
from crossfade.experiments.spec import Alarm
from crossfade.schema.errors import CrossfadeError, InputError
from tests.experiments.rollouts import experiment

RULES = """
scrape_configs:
  - job_name: self
    scrape_interval: 100ms
    scrape_timeout: 100ms
    static_configs: [{targets: ["127.0.0.1:PORT"]}]
"""
STANDING = Standing(1, None, None, None, None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    if shutil.which("prometheus") is None:
        pytest.skip("needs the Debian package prometheus: make system")
    home, port = tmp_path_factory.mktemp("prometheus"), free_port()
    (home / "prometheus.yml").write_text(RULES.replace("PORT", str(port)), "utf-8")
    url = f"http://{HOST}:{port}"
    options = ("config.file=prometheus.yml", "storage.tsdb.path=tsdb", f"web.listen-address={HOST}:{port}")
    with process(["prometheus", *(f"--{each}" for each in options)], home, f"{url}/-/ready"):
        wait_for("a scrape", lambda: asked(f"{url}/api/v1/query?query=up")["data"]["result"])
        yield Prometheus(f"{url}/")


def alarm(query: str, at_most: float = 0.5) -> Alarm:
    return Alarm(name="unwell", query=query, at_most=at_most)


def test_only_what_is_beyond_its_bound_rolls_back(server: Prometheus) -> None:
    well = (alarm("up", at_most=1), alarm("no_such_metric"), alarm("0 / 0"), alarm("0.5"))
    assert by_alarms(server, experiment().model_copy(update={"spec": _spec(*well)}))(STANDING) is None
    raised = by_alarms(server, experiment().model_copy(update={"spec": _spec(*well, alarm("up"))}))(STANDING)
    assert raised is not None
    decision, seen = raised
    assert (decision.action, seen) == (Action.ROLL_BACK, {})
    (reason,) = decision.reasons
    assert reason.startswith("Alarm unwell: 1 (__name__=up, instance=127.0.0.1:")
    assert reason.endswith("job=self), at most 0.5 is well.")
    assert server.raised((alarm("2 * 2"),)) == ("Alarm unwell: 4, at most 0.5 is well.",)


def _spec(*alarms: Alarm) -> object:
    return experiment().spec.model_copy(update={"alarms": alarms})


def test_a_query_that_is_none_is_refused(server: Prometheus) -> None:
    with pytest.raises(InputError, match=r"Prometheus refuses 'sum\('"):
        server.values("sum(")
    with pytest.raises(InputError, match="answers with a matrix; an alarm needs one value a series"):
        server.values("up[1m]")


def test_a_prometheus_that_is_away_is_told() -> None:
    with pytest.raises(
        CrossfadeError, match=r"127\.0\.0\.1:9 does not answer: .* No guardrail was looked at"
    ):
        Prometheus("http://127.0.0.1:9").values("up")
    with pytest.raises(InputError, match="--prometheus 'localhost' is no address"):
        Prometheus("localhost")
