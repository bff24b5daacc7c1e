"""A Prometheus that scrapes itself, for alarms and the watch over them; an installation whose registry is recorded."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.monitoring_servers import HOST, asked, process, wait_for
from crossfade.experiments.alarms import Prometheus
from serving.ports import free_port
from tests.experiments.rollouts import Place, RecordingRegistry

RULES = """
scrape_configs:
  - job_name: self
    scrape_interval: 100ms
    scrape_timeout: 100ms
    static_configs: [{targets: ["127.0.0.1:PORT"]}]
"""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Where aliases of MLflow point: one that is recorded stands in its place."""
    monkeypatch.setattr("crossfade.experiments.installation.Registry", RecordingRegistry)
    RecordingRegistry.pointed = {}
    return RecordingRegistry.pointed


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    if shutil.which("prometheus") is None:
        pytest.skip("needs the Debian package prometheus: make system")
    home, port = tmp_path_factory.mktemp("prometheus"), free_port(HOST)
    (home / "prometheus.yml").write_text(RULES.replace("PORT", str(port)), "utf-8")
    url = f"http://{HOST}:{port}"
    options = ("config.file=prometheus.yml", "storage.tsdb.path=tsdb", f"web.listen-address={HOST}:{port}")
    with process(["prometheus", *(f"--{each}" for each in options)], home, f"{url}/-/ready"):
        wait_for("a scrape", lambda: asked(f"{url}/api/v1/query?query=up")["data"]["result"])
        yield Prometheus(f"{url}/")
