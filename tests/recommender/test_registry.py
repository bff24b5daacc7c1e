import builtins
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossfade.recommender.registry import Registry
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError, MissingExtraError, NotFoundError
from crossfade.schema.settings import TrackingSettings
from serving.ports import free_port

DIGESTS = ("a" * 64, "b" * 64)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """One database for all tests: MLflow's migrations take seconds for each new one."""
    workspace = Workspace.create(tmp_path_factory.mktemp("tracking") / "workspace")
    for digest in DIGESTS:
        (workspace.bundles / digest).mkdir()
        (workspace.bundles / digest / "MANIFEST.json").write_text(json.dumps({"digest": digest}), "utf-8")
    return Registry(TrackingSettings(uri="", experiment="crossfade"), workspace)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing may be written to the current directory or home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    yield
    assert list(tmp_path.iterdir()) == []


def client(uri: str) -> Any:
    import mlflow  # after the registry, which imports it quietly

    return mlflow.MlflowClient(uri, uri)


def logged(registry: Registry, mlflow_id: str) -> Any:
    return client(registry.uri).get_run(mlflow_id).data


def test_a_run_is_logged_with_its_figures(registry: Registry) -> None:
    mlflow_id = registry.log_run(
        "run-1",
        params={"seed": 42, "two_tower": {"dim": 64}, "long": "x" * 7000},
        metrics={"recall_at_30": 0.25},
        tags={"gold/interactions": "4"},
        artifacts=[registry.workspace.bundles / DIGESTS[0] / "MANIFEST.json"],
    )
    data = logged(registry, mlflow_id)
    assert data.params == {"seed": "42", "two_tower.dim": "64", "long": "x" * 6000}
    assert data.metrics == {"recall_at_30": 0.25}
    assert data.tags["gold/interactions"] == "4"
    assert data.tags["mlflow.runName"] == "run-1"
    artifacts = registry.workspace.path / "mlflow" / mlflow_id / "artifacts"
    assert [path.name for path in artifacts.iterdir()] == ["MANIFEST.json"]


def test_the_same_run_is_logged_once(registry: Registry) -> None:
    first = registry.log_run("run-2", params={"seed": 42}, metrics={"recall_at_30": 0.25}, tags={})
    again = registry.log_run("run-2", params={"seed": 42}, metrics={"ndcg_at_30": 0.5}, tags={})
    assert first == again
    assert logged(registry, first).metrics == {"recall_at_30": 0.25, "ndcg_at_30": 0.5}


def test_what_was_logged_is_told_again(registry: Registry) -> None:
    mlflow_id = registry.log_run("run-6", params={"seed": 7}, metrics={"ndcg": 0.5}, tags={})
    known = {"mlflow_run_id": mlflow_id, "params": {"seed": "7"}, "metrics": {"ndcg": 0.5}}
    assert registry.logged(["run-6", "never"]) == {"run-6": known}
    other = TrackingSettings(uri=registry.uri, experiment="never")
    assert Registry(other, registry.workspace).logged(["run-6"]) == {}


def test_it_is_known_without_asking_whether_anything_was_logged(registry: Registry, tmp_path: Path) -> None:
    assert registry.is_there
    nowhere = Workspace(tmp_path)
    assert not Registry(registry.settings, nowhere).is_there
    assert Registry(TrackingSettings(uri="http://tracking", experiment="e"), nowhere).is_there


def test_a_bundle_is_registered_once_and_not_copied(registry: Registry) -> None:
    bundle = registry.workspace.bundles / DIGESTS[0]
    version = registry.register(bundle, run_id="run-3")
    assert registry.register(bundle, run_id="run-4") == version
    assert registry.register(registry.workspace.bundles / DIGESTS[1], run_id="run-4") == version + 1
    known = client(registry.uri).get_model_version("crossfade", str(version))
    assert known.source == bundle.as_uri()
    assert known.tags["crossfade.bundle"] == DIGESTS[0]
    assert known.tags["crossfade.run_id"] == "run-3"


def test_aliases_mirror(registry: Registry) -> None:
    for digest in DIGESTS:
        registry.register(registry.workspace.bundles / digest, run_id="run-5")
    assert registry.pointed("challenger") is None
    registry.point("champion", DIGESTS[0])
    assert registry.pointed("champion") == DIGESTS[0]
    registry.point("champion", DIGESTS[1])
    assert registry.pointed("champion") == DIGESTS[1]


def test_an_alias_needs_a_registered_bundle(registry: Registry) -> None:
    with pytest.raises(
        NotFoundError, match=r"Bundle ccc is not registered as crossfade in sqlite:.* register it first"
    ):
        registry.point("champion", "ccc")


def test_a_server_that_refuses_is_one_clear_error(registry: Registry) -> None:
    with pytest.raises(
        CrossfadeError, match=r"MLflow at sqlite:.* refused or does not answer: .*correct tracking\.uri"
    ):
        registry.log_run("run-6", params={}, metrics={"not a / valid [name]": 1.0}, tags={})


def test_without_mlflow(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name == "mlflow":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        MissingExtraError, match=r"mlflow is needed here .* pip install 'crossfade\[tracking\]'"
    ):
        registry.log_run("run-7", params={}, metrics={}, tags={})


@pytest.fixture
def server(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real tracking server that keeps its own artifacts, on a free loopback port."""
    place = tmp_path_factory.mktemp("server")
    port = free_port("127.0.0.1")
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        registry.uri,
        "--port",
        str(port),
    ]
    command += ["--host", "127.0.0.1", "--workers", "1", "--artifacts-destination", str(place / "artifacts")]
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def test_a_tracking_server(server: str, tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> None:
    settings = TrackingSettings(uri=server, experiment="served")
    remote = Registry(settings, Workspace(tmp_path_factory.mktemp("remote")))
    bundle = registry.workspace.bundles / DIGESTS[0]
    assert remote.register(bundle, run_id="run-8") == 1
    assert remote.point("champion", DIGESTS[0]) == 1
    assert remote.pointed("champion") == DIGESTS[0]
    known = client(server).get_model_version("served", "1")
    assert known.source.endswith(f"/artifacts/{DIGESTS[0]}")
    assert known.tags["crossfade.bundle_uri"] == bundle.as_uri()
    assert list(remote.workspace.path.iterdir()) == []


def test_a_server_that_does_not_answer(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{closed.getsockname()[1]}"
        registry = Registry(
            TrackingSettings(uri=uri, experiment="x"), Workspace(tmp_path_factory.mktemp("remote"))
        )
        with pytest.raises(CrossfadeError, match=rf"MLflow at {uri} refused or does not answer"):
            registry.log_run("run-9", params={}, metrics={}, tags={})
