"""Rules about pods: what they may, what they ask for, whether they are looked after, and what they run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tests.manifests.pods import pods, spark_parts
from tests.manifests.rendering import Object, of_kind

VOLUMES: Final = {"name", "configMap", "secret", "emptyDir", "persistentVolumeClaim"}
HOST_FIELDS: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
DIGEST: Final = re.compile(r"(pvc|s3|gs)://[^/]+(/[^/]+)*/[0-9a-f]{12,64}")
API_SERVER: Final = ("watch",)  # the pods that speak with Kubernetes


def restricted(objects: Sequence[Object]) -> Iterator[str]:
    """Pod Security "restricted", and a root file system that nobody writes to."""
    for pod in pods(objects):
        yield from _restricted_pod(pod.owner, pod.spec["securityContext"])
        for field in HOST_FIELDS:
            if pod.spec.get(field):
                yield f"{pod.owner} sets {field}"
        for volume in pod.spec.get("volumes", []):
            for kind in volume.keys() - VOLUMES:
                yield f"{pod.owner} has a volume of kind {kind}"
        for container in pod.containers:
            yield from _restricted(f"{pod.owner} {container['name']}", container.get("securityContext", {}))
    for name, part in spark_parts(objects):
        yield from _restricted_pod(name, part["podSecurityContext"])
        yield from _restricted(name, part["securityContext"])


def _restricted_pod(owner: str, told: Mapping[str, Any]) -> Iterator[str]:
    if told.get("runAsNonRoot") is not True or told.get("runAsUser") == 0:
        yield f"{owner} may run as root"
    if told.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield f"{owner} has no seccomp profile"


def _restricted(owner: str, told: Mapping[str, Any]) -> Iterator[str]:
    if told.get("privileged") or told.get("allowPrivilegeEscalation") is not False:
        yield f"{owner} may get more rights"
    if told.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{owner} keeps capabilities"
    if not told.get("readOnlyRootFilesystem"):
        yield f"{owner} may write to its root file system"
    if told.get("runAsUser") == 0:
        yield f"{owner} runs as root"


def accounts(objects: Sequence[Object]) -> Iterator[str]:
    """Only who speaks with Kubernetes gets a token, and no Role has more than it names."""
    for pod in pods(objects):
        name = pod.labels["app.kubernetes.io/name"]
        if pod.spec.get("automountServiceAccountToken") is not (name in API_SERVER):
            yield f"{pod.owner} mounts a token, or lacks the one that it needs"
    for name, role in of_kind(objects, "Role").items():
        for rule in role["rules"]:
            if (
                "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
                or "secrets" in rule["resources"]
            ):
                yield f"Role/{name} allows too much: {rule}"
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        yield from (f"{kind}/{name} reaches beyond the namespace" for name in of_kind(objects, kind))


def sizes(objects: Sequence[Object]) -> Iterator[str]:
    """Requests of processor and memory, a limit of memory, and room to scale."""
    for pod in pods(objects):
        for container in pod.containers:
            told = container.get("resources", {})
            if not {"cpu", "memory"} <= told.get("requests", {}).keys() or "memory" not in told.get(
                "limits", {}
            ):
                yield f"{pod.owner} {container['name']} lacks requests or limits"
            if pod.owner.startswith("InferenceService") and "cpu" not in told.get("limits", {}):
                yield f"{pod.owner} leaves its limit of cores to KServe, whose own may be below the request"
    for name, service in of_kind(objects, "InferenceService").items():
        predictor = service["spec"]["predictor"]
        if not 1 <= predictor["minReplicas"] <= predictor.get("maxReplicas", predictor["minReplicas"]):
            yield f"InferenceService/{name} has minReplicas above maxReplicas"


def probes(objects: Sequence[Object]) -> Iterator[str]:
    """Servers are asked whether they are ready and alive, at a port that they have."""
    for pod in pods(objects):
        for container in pod.spec["containers"] if pod.is_server else ():
            for probe in ("readinessProbe", "livenessProbe"):
                if probe not in container:
                    yield f"{pod.owner} has no {probe}"
        for container in pod.spec["containers"]:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                asked = container.get(probe, {})
                port = (asked.get("httpGet") or asked.get("tcpSocket") or {}).get("port")
                if port is not None and port not in (*pod.ports, *pod.ports.values()):
                    yield f"{pod.owner}: {probe} asks port {port}, which the container does not have"


def images(objects: Sequence[Object]) -> Iterator[str]:
    """Every image has a version, none a moving one."""
    named = [(pod.owner, each["image"]) for pod in pods(objects) for each in pod.containers]
    sparks = of_kind(objects, "ScheduledSparkApplication").items()
    named += [
        (f"ScheduledSparkApplication/{name}", each["spec"]["template"]["image"]) for name, each in sparks
    ]
    for owner, image in named:
        tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
        if not tag or tag == "latest":
            yield f"{owner} runs {image}, whose version may change under it"


def models(objects: Sequence[Object]) -> Iterator[str]:
    """A recommender serves either the workspace's champion or one bundle under its digest."""
    for pod in pods(objects):
        if pod.labels.get("app.kubernetes.io/name") != "recommender":
            continue
        (container,) = pod.spec["containers"]
        words = " ".join(container["args"]).replace("--bundle=", "--bundle ").split()
        uris = [each["value"] for each in container["env"] if each["name"] == "STORAGE_URI"]
        if "--bundle" in words:
            path = words[words.index("--bundle") + 1]
            served = uris if path == "/mnt/models" else [f"pvc:/{path}"]
            if not (len(served) == 1 and DIGEST.fullmatch(served[0])):
                yield f"{pod.owner} serves {served}, which names no digest"
