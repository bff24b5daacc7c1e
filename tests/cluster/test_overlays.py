"""A real API server takes every overlay, its own validation, rules in CEL and Pod Security included, and an upgrade over it."""

import copy
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiException, V1PodSpec

from crossfade.cli.main import main
from tests.cluster.conftest import OTHER
from tests.cluster.kubernetes import Kubernetes, applied, as_text
from tests.manifests.pods import pods
from tests.manifests.rendering import KUSTOMIZATIONS, NAMESPACE, Object, documents, rendered

RECOMMENDER = f"/apis/serving.kserve.io/v1beta1/namespaces/{NAMESPACE}/inferenceservices/recommender"
BUNDLE = "0123456789abcdef"
OF_PODS = set(V1PodSpec.attribute_map.values())
RELEASE, NEXT = "0.1.0", "0.2.0"


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_the_server_takes_an_overlay_and_each_of_its_pods(kubernetes: Kubernetes, name: str) -> None:
    objects = rendered(name)
    with applied(kubernetes, objects) as lines:
        assert len(lines) == len(objects)
        assert all(line.endswith(" serverside-applied") for line in lines)
        claimed = {f"{each['kind']}/{each['metadata']['name']}": claims(each) for each in objects}
        made = {
            pod.owner: {**pod.spec, "volumes": [*pod.spec.get("volumes", []), *claimed.get(pod.owner, [])]}
            for pod in pods(objects)
        }
        refused = {owner: told for owner, spec in made.items() if (told := refusal(kubernetes, spec))}
        assert refused == {}


def claims(thing: Object) -> list[Object]:
    """Return the volumes that a StatefulSet's controller adds to its pods."""
    names = [each["metadata"]["name"] for each in thing.get("spec", {}).get("volumeClaimTemplates", [])]
    return [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]


def refusal(kubernetes: Kubernetes, spec: Mapping[str, Any], namespace: str = NAMESPACE) -> str:
    """Return why the server does not take a pod, "" if it would; of a predictor what KServe makes a pod of."""
    told = {key: value for key, value in spec.items() if key in OF_PODS}
    path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
    try:
        kubernetes.call("POST", path, {"metadata": {"name": "tried"}, "spec": told})
    except ApiException as error:
        return str(error.body)
    return ""


def test_the_next_version_goes_over_this_one_without_a_hand(kubernetes: Kubernetes) -> None:
    """Apply, apply again, then another release and another model: only what they are in changes."""
    objects = rendered("staging")
    with applied(kubernetes, objects):
        first = generations(kubernetes)
        kubernetes.apply(objects)
        assert generations(kubernetes) == first
        later = json.loads(as_text(objects).replace(f":{RELEASE}", f":{NEXT}").replace("0" * 16, BUNDLE))
        kubernetes.apply(later["items"])
        second = generations(kubernetes)
        ours = {
            name for name in first if not name.startswith("statefulset")
        }  # Redis has a version of its own
        assert {name for name in first if second[name] != first[name]} == ours
        (container,) = kubernetes.call("GET", RECOMMENDER)["spec"]["predictor"]["containers"]
        assert container["image"] == f"crossfade/serving:{NEXT}"
        assert {"name": "STORAGE_URI", "value": f"pvc://crossfade-workspace/bundles/{BUNDLE}"} in container[
            "env"
        ]


def generations(kubernetes: Kubernetes) -> dict[str, str]:
    """Return how often the specification of each workload has changed."""
    shown = "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation}{'\\n'}{end}"
    lines = kubernetes.must(
        "get", "deployments,statefulsets,inferenceservices", "--namespace", NAMESPACE, "-o", shown
    )
    return dict(line.lower().split() for line in lines if line)


SOUND = {
    "containers": [{
        "name": "tried", "image": "crossfade/serving",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }],
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("where", "planted", "told"),
    [
        ("container", {"privileged": True, "allowPrivilegeEscalation": True}, "privileged"),
        ("container", {"capabilities": {"add": ["NET_ADMIN"]}}, "unrestricted capabilities"),
        ("pod", {"runAsNonRoot": False}, "runAsNonRoot != true"),
        ("spec", {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "restricted volume types"),
        ("spec", {"hostNetwork": True}, "host namespaces"),
    ],
)  # fmt: skip
def test_pod_security_refuses_what_is_planted(
    kubernetes: Kubernetes, where: str, planted: dict[str, Any], told: str
) -> None:
    spec = copy.deepcopy(SOUND)
    place = {
        "container": spec["containers"][0]["securityContext"],
        "pod": spec["securityContext"],
        "spec": spec,
    }  # type: ignore[index]
    assert refusal(kubernetes, spec) == ""
    place[where].update(planted)  # type: ignore[attr-defined]
    said = refusal(kubernetes, spec)
    assert 'violates PodSecurity \\"restricted:v1.32\\"' in said
    assert told in said
    assert refusal(kubernetes, spec, namespace=OTHER) == "", "it is the namespace that refuses"


def test_a_field_that_nobody_knows_is_refused(kubernetes: Kubernetes) -> None:
    told = copy.deepcopy(next(each for each in rendered("root") if each["kind"] == "InferenceService"))
    told["spec"]["predictor"]["containres"] = []
    done = kubernetes.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", told=as_text([told]))
    assert done.returncode == 1
    assert re.search(r'unknown field "?containres', done.stderr), done.stderr


def test_compiled_pipelines_are_taken_as_objects(kubernetes: Kubernetes, tmp_path: Path) -> None:
    words = ["compile", "drift", "--kubernetes", "--namespace", NAMESPACE, "-o", str(tmp_path)]
    assert main(words) == 0
    objects = documents((tmp_path / "drift.yaml").read_text("utf-8"))
    with applied(kubernetes, objects) as lines:
        assert [line.partition("/")[0] for line in lines] == [
            "pipeline.pipelines.kubeflow.org",
            "pipelineversion.pipelines.kubeflow.org",
        ]
