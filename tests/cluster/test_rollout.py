"""The rollout against a real API server, with the token of the watch's own service account and the rights of its Role."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.rollout.cluster import Cluster
from crossfade.cli import doctor_cluster as doctor
from crossfade.experiments.decision import Action
from tests.cluster import binaries
from tests.cluster.kubernetes import Kubernetes, applied, as_text
from tests.experiments.rollouts import OTHER, Place, RecordingRegistry, experiment, saying
from tests.manifests.rendering import MANIFESTS, NAMESPACE, documents, rendered

SERVICE = f"/apis/serving.kserve.io/v1beta1/namespaces/{NAMESPACE}/inferenceservices/radio-flow-flow"
EXPERIMENT = f"/apis/crossfade.dev/v1alpha1/namespaces/{NAMESPACE}/experiments/radio-flow"
RECOMMENDER = f"/apis/serving.kserve.io/v1beta1/namespaces/{NAMESPACE}/inferenceservices/recommender"
CHAMPION = f"/api/v1/namespaces/{NAMESPACE}/configmaps/crossfade-champion"
EVERY = (SERVICE, EXPERIMENT, CHAMPION)
MOST_CALLS = 6  # of one apply: three objects, two lists, and what is removed


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("crossfade.experiments.installation.Registry", RecordingRegistry)
    return Place(tmp_path)


@pytest.fixture
def token(kubernetes: Kubernetes) -> str:
    """What a pod of the watch has mounted."""
    kinds = ("ServiceAccount", "Role", "RoleBinding")
    kubernetes.apply(each for each in rendered("root") if each["kind"] in kinds)
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/watch/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return str(kubernetes.call("POST", path, request)["status"]["token"])


@pytest.fixture
def cluster(kubernetes: Kubernetes, token: str) -> Iterator[Cluster]:
    yield Cluster(kubernetes.client(token), NAMESPACE)
    for path in EVERY:
        if found(kubernetes, path):
            kubernetes.call("DELETE", path)


def found(kubernetes: Kubernetes, path: str) -> dict[str, Any]:
    """Return an object without what the server alone writes, {} if it is not there."""
    folder, _, name = path.rpartition("/")
    for told in kubernetes.call("GET", folder)["items"]:
        if told["metadata"]["name"] == name:
            return {key: told[key] for key in ("spec", "status", "data") if key in told}
    return {}


def test_an_experiment_begins_ramps_and_is_rolled_back(
    kubernetes: Kubernetes, cluster: Cluster, place: Place
) -> None:
    told = experiment().model_dump(mode="json", by_alias=True, exclude_none=True)
    kubernetes.apply([told | {"metadata": {"name": "radio-flow", "namespace": NAMESPACE}}])
    place.step()
    assert cluster.apply(place.rollout.directory) == [
        "applied inferenceservices/radio-flow-flow",
        "applied experiments/radio-flow",
    ]
    running = found(kubernetes, EXPERIMENT)
    assert running["status"] == {"step": 1}
    assert running["spec"]["variants"][1]["service"] == "grpc://radio-flow-flow-predictor:8082"
    (container,) = found(kubernetes, SERVICE)["spec"]["predictor"]["containers"]
    assert container["args"][:2] == ["--bundle", f"/mnt/crossfade/workspace/bundles/{OTHER}"]

    place.step(saying(Action.RAMP))
    cluster.apply(place.rollout.directory)
    assert found(kubernetes, EXPERIMENT)["status"] == {"step": 2}
    place.step(saying(Action.ROLL_BACK))
    assert cluster.apply(place.rollout.directory) == [
        "removed experiments/radio-flow",
        "removed inferenceservices/radio-flow-flow",
    ]
    assert [found(kubernetes, path) for path in EVERY] == [{}, {}, {}]


def test_fields_of_others_stay_theirs(kubernetes: Kubernetes, cluster: Cluster, place: Place) -> None:
    place.step()
    cluster.apply(place.rollout.directory)
    kubernetes.must(
        "patch",
        "inferenceservice",
        "radio-flow-flow",
        "--namespace",
        NAMESPACE,
        "--type=merge",
        "-p",
        '{"spec":{"predictor":{"maxReplicas":7}}}',
    )
    place.step(saying(Action.RAMP))
    cluster.apply(place.rollout.directory)
    assert found(kubernetes, SERVICE)["spec"]["predictor"]["maxReplicas"] == 7


def test_an_overlay_is_applied_after_a_promotion_in_the_cluster_without_force(
    kubernetes: Kubernetes, cluster: Cluster, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose field is whose: STORAGE_URI of the recommender is Git's, the ConfigMap is the rollout's."""
    (told,) = documents((MANIFESTS / "overlays" / "staging" / "champion.yaml").read_text("utf-8"))
    kubernetes.apply([told])  # as versions did that applied the ConfigMap with the overlay
    with applied(kubernetes, rendered("staging")) as lines:
        for decide in (saying(Action.HOLD), saying(Action.PROMOTE, "flow")):
            place.step(decide)
            cluster.apply(place.rollout.directory)
        assert kubernetes.apply(rendered("staging")) == lines
        assert found(kubernetes, CHAMPION) == {"data": {"bundle": OTHER}}
        assert f"/bundles/{'0' * 16}" in str(found(kubernetes, RECOMMENDER))
        monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
        asked = doctor.Kubectl(binaries.kubectl(), "", NAMESPACE)
        findings = {each.what: each.told for each in doctor._bundles(asked)}
        assert findings.keys() == {"bundle of recommender", "promoted bundle"}, "there is no canary"
        assert findings["bundle of recommender"].startswith(f"is '{'0' * 16}', which stands for none")
        filled = as_text(rendered("staging")).replace("0" * 16, "0123456789abcdef")
        kubernetes.must("apply", "--server-side", "-f", "-", told=filled)
        findings = {each.what: each.told for each in doctor._bundles(asked)}
        assert findings["bundle of recommender"] == "is 0123456789abcdef"
        assert f"promoted {OTHER} here" in findings["promoted bundle"]
        done = kubernetes.kubectl("apply", "--server-side", "-f", "-", told=as_text([told]))
        assert 'conflict with "crossfade": .data.bundle' in done.stderr, "that is what would need force"


def test_an_apply_that_is_killed_before_any_call_is_finished_by_the_next(
    kubernetes: Kubernetes, cluster: Cluster, place: Place, token: str
) -> None:
    """Kill -9 before each call of a beginning, a ramp, and a promotion; then the whole again."""
    kills = 0
    for decide in (saying(Action.HOLD), saying(Action.RAMP), saying(Action.PROMOTE, "flow")):
        place.step(decide)
        for call in range(MOST_CALLS):
            if not killed_before(call, Cluster(kubernetes.client(token), NAMESPACE), place.rollout.directory):
                break
            kills += 1
        before = [found(kubernetes, path) for path in EVERY]
        cluster.apply(place.rollout.directory)
        assert [found(kubernetes, path) for path in EVERY] == before, "the last one had ended"
    # Two objects and two lists; at the end the ConfigMap, two lists, and one to remove, since the other went before a kill.
    assert kills == 4 + 4 + 4
    assert [found(kubernetes, path) for path in EVERY] == [{}, {}, {"data": {"bundle": OTHER}}]


def killed_before(call: int, cluster: Cluster, directory: Path) -> bool:
    """Apply in a process that is killed before one of its calls; return False where it ended before that."""
    child = os.fork()
    if child == 0:
        calls = 0
        send = Cluster._call

        def counted(*given: Any) -> Any:
            nonlocal calls
            if calls == call:
                os.kill(os.getpid(), signal.SIGKILL)
            calls += 1
            return send(*given)

        Cluster._call = counted  # type: ignore[method-assign]
        try:
            cluster.apply(directory)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])
