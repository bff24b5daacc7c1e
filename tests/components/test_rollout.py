"""The rollout's talk with Kubernetes, against a double of its API over HTTP: paths, server-side apply, order, removal."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from kubernetes import config
from kubernetes.client import ApiClient, Configuration

from components.rollout.cluster import Cluster
from components.rollout.component import rollout
from crossfade.experiments import rendering
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError, InputError
from tests.experiments.rollouts import BUNDLE, SETTINGS, experiment

SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/music/inferenceservices"
EXPERIMENTS = "/apis/crossfade.dev/v1alpha1/namespaces/music/experiments"


class Api(BaseHTTPRequestHandler):
    """Keeps what is applied, as the API server would."""

    objects: ClassVar[dict[str, Any]] = {}
    calls: ClassVar[list[tuple[str, str]]] = []
    refused: ClassVar[set[str]] = set()

    def answer(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.calls.append((self.command, parts.path))
        if parts.path in self.refused:
            self.reply(403, {"message": "not yours"})
        elif self.command == "PATCH":
            assert self.headers["Content-Type"] == "application/apply-patch+yaml"
            assert query == {"fieldManager": "crossfade", "force": "true"}
            told = yaml.safe_load(self.rfile.read(int(self.headers["Content-Length"])))
            assert parts.path.endswith("/" + told["metadata"]["name"])
            self.objects[parts.path] = told
            self.reply(200, told)
        elif self.command == "DELETE":
            self.reply(200, self.objects.pop(parts.path))
        else:
            label, _, value = query["labelSelector"].partition("=")
            found = [
                each
                for path, each in self.objects.items()
                if path.startswith(parts.path + "/") and each["metadata"]["labels"].get(label) == value
            ]
            self.reply(200, {"items": found})

    do_PATCH = do_GET = do_DELETE = answer  # noqa: N815 (http.server's names)

    def reply(self, status: int, told: Any) -> None:
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    for name, empty in (("objects", {}), ("calls", []), ("refused", set())):
        monkeypatch.setattr(Api, name, empty)
    server = HTTPServer(("127.0.0.1", 0), Api)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    client = ApiClient(Configuration(host=f"http://127.0.0.1:{server.server_port}"))
    client.configuration.retries = 0
    yield Cluster(client, "music")
    client.rest_client.pool_manager.clear()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """What a running experiment's step writes, and a champion."""
    running = experiment()
    for path, told in (
        ("champion.yaml", rendering.champion_map(running, BUNDLE)),
        (rendering.manifest_file(running), rendering.running_manifest(running)),
        (
            rendering.service_file(running, "flow"),
            rendering.inference_service(running, running.spec.variants[1], SETTINGS.rollout),
        ),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(rendering.as_yaml(told))
    return tmp_path


def test_services_come_before_experiments_and_go_after_them(cluster: Cluster, directory: Path) -> None:
    assert cluster.apply(directory) == [
        "applied configmaps/crossfade-champion",
        "applied inferenceservices/radio-flow-flow",
        "applied experiments/radio-flow",
    ]
    told = yaml.safe_load((directory / "experiments" / "radio-flow.yaml").read_text("utf-8"))
    told["metadata"]["namespace"] = "music"
    assert Api.objects[f"{EXPERIMENTS}/radio-flow"] == told
    strange = {"metadata": {"name": "theirs", "labels": {}}}
    Api.objects[f"{SERVICES}/theirs"] = strange

    for folder in ("experiments", "inferenceservices"):
        (next((directory / folder).iterdir())).unlink()
    Api.calls.clear()
    assert cluster.apply(directory)[1:] == [
        "removed experiments/radio-flow",
        "removed inferenceservices/radio-flow-flow",
    ]
    assert [path for method, path in Api.calls if method == "DELETE"] == [
        f"{EXPERIMENTS}/radio-flow",
        f"{SERVICES}/radio-flow-flow",
    ]
    assert Api.objects.keys() == {
        "/api/v1/namespaces/music/configmaps/crossfade-champion",
        f"{SERVICES}/theirs",
    }


def test_what_kubernetes_says_no_to_is_told_and_nothing_after_it_is_done(
    cluster: Cluster, directory: Path
) -> None:
    Api.refused.add(f"{SERVICES}/radio-flow-flow")
    with pytest.raises(
        CrossfadeError, match=r"Kubernetes refuses PATCH /apis/serving.*radio-flow-flow: 403 not yours"
    ):
        cluster.apply(directory)
    assert not any(path.startswith(EXPERIMENTS) for _, path in Api.calls)
    Api.refused.clear()
    assert len(cluster.apply(directory)) == 3


def test_objects_of_another_namespace_are_refused(cluster: Cluster, directory: Path) -> None:
    path = directory / "experiments" / "radio-flow.yaml"
    text = path.read_text("utf-8").replace("name: radio-flow", "name: radio-flow\n  namespace: other", 1)
    path.write_text(text, "utf-8")
    with pytest.raises(
        InputError, match=r"radio-flow\.yaml is of namespace 'other', but the rollout is to 'mu"
    ):
        cluster.apply(directory)


def test_the_component_leaves_git_alone_without_a_namespace(
    cluster: Cluster, directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    assert rollout.python_func(str(workspace.path), "") == 0
    for folder in ("experiments", "inferenceservices"):
        (workspace.rollout / folder).mkdir(parents=True)
        (path,) = (directory / folder).iterdir()
        path.rename(workspace.rollout / folder / path.name)
    monkeypatch.setattr(
        config, "load_config", lambda: Configuration.set_default(cluster.client.configuration)
    )
    assert rollout.python_func(str(workspace.path), "music") == 2
    assert {path for _, path in Api.calls} >= {f"{SERVICES}/radio-flow-flow", f"{EXPERIMENTS}/radio-flow"}
    Configuration.set_default(None)


def test_no_cluster_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InputError, match="No cluster can be found to roll out to"):
        Cluster.connected("music")


def test_a_cluster_that_is_away_is_told(directory: Path) -> None:
    nowhere = Configuration(host="http://127.0.0.1:9")
    nowhere.retries = 0
    with pytest.raises(
        CrossfadeError, match="Kubernetes does not answer to PATCH /api/v1/namespaces/music/config"
    ):
        Cluster(ApiClient(nowhere), "music").apply(directory)
