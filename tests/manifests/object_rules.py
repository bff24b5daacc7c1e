"""Rules about how objects hang together: what selects whom, who lets whom in, what names what, and where it stands."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tests.manifests.pods import Pod, pods, spark_parts
from tests.manifests.rendering import NAMESPACE, Object, of_kind

# Secrets that people or a vault make; docs/kubernetes.md tells of each.
SECRETS: Final = (
    "crossfade-keys",
    "crossfade-receiver",
    "crossfade-kubeflow",
    "crossfade-kafka",
    "crossfade-store",
    "crossfade-tls",
)
CLUSTER_WIDE: Final = ("Namespace", "PriorityClass", "CustomResourceDefinition")
CRON: Final = re.compile(r"([0-9*/,-]+ ){4}[0-9*/,-]+")
SECRET_NAME: Final = re.compile(r"PASSWORD|TOKEN|SECRET|CREDENTIAL|_KEYS?$")
PASSWORD_IN_URL: Final = re.compile(r"://[^/@\s]*:[^/@\s]+@")


def services(objects: Sequence[Object]) -> Iterator[str]:
    """A Service leads to pods, by a port that they have under that number."""
    found = list(pods(objects))
    for name, service in of_kind(objects, "Service").items():
        chosen = [pod for pod in found if pod.fits({"matchLabels": service["spec"]["selector"]})]
        if not chosen:
            yield f"Service/{name} selects no pod"
        for port in service["spec"]["ports"]:
            for pod in chosen:
                if pod.ports.get(port["targetPort"]) != port["port"]:
                    yield f"Service/{name} port {port['port']} is not {port['targetPort']} of {pod.owner}"


def selectors(objects: Sequence[Object]) -> Iterator[str]:
    """Budgets, policies and spread select pods that exist."""
    found = list(pods(objects))
    kubeflows = Pod("Kubeflow", {"pipelines.kubeflow.org/v2_component": "true"}, {"containers": []})
    sparks = [Pod(name, part["labels"], {"containers": []}) for name, part in spark_parts(objects)]
    every = [*found, *sparks, kubeflows]
    optional = {"pipelines", "ingest"}  # of components
    for kind, asked in _selectors(objects):
        names = asked.get("matchLabels", {}).get("app.kubernetes.io/name")
        if names not in optional and not any(pod.fits(asked) for pod in every):
            yield f"{kind} selects no pod: {asked}"
    budgets = [each["spec"]["selector"] for each in of_kind(objects, "PodDisruptionBudget").values()]
    for pod in found:
        is_lasting = pod.owner.startswith("InferenceService") and "crossfade.dev/experiment" not in pod.labels
        if is_lasting and not any(pod.fits(each) for each in budgets):
            yield f"{pod.owner} has no PodDisruptionBudget"


def _selectors(objects: Sequence[Object]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("PodDisruptionBudget", "PodMonitor"):
        for name, thing in of_kind(objects, kind).items():
            yield f"{kind}/{name}", thing["spec"]["selector"]
    for name, policy in of_kind(objects, "NetworkPolicy").items():
        yield f"NetworkPolicy/{name}", policy["spec"]["podSelector"]
        for way, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(way, []):
                for peer in rule.get(peers, []):
                    if "podSelector" in peer and "namespaceSelector" not in peer:
                        yield f"NetworkPolicy/{name} {way}", peer["podSelector"]
    for pod in pods(objects):
        for spread in pod.spec.get("topologySpreadConstraints", []):
            yield pod.owner, spread["labelSelector"]


def networks(objects: Sequence[Object]) -> Iterator[str]:
    """All is denied first, and what listens is let in by a policy of its own at the ports that it has."""
    policies = of_kind(objects, "NetworkPolicy")
    deny = policies.get("deny", {}).get("spec")
    if deny != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        yield "NetworkPolicy/deny does not deny everything"
    for pod in pods(objects):
        own = [
            each["spec"]
            for each in policies.values()
            if each["spec"]["podSelector"] and pod.fits(each["spec"]["podSelector"])
        ]
        ports = {
            port["port"] for each in own for rule in each.get("ingress", []) for port in rule.get("ports", [])
        }
        if missing := set(pod.ports.values()) - ports:
            yield f"{pod.owner} listens at {sorted(missing)}, where no NetworkPolicy lets anybody in"
        if unknown := ports - set(pod.ports.values()):
            yield f"{pod.owner}: a NetworkPolicy opens {sorted(unknown)}, where nothing listens"


def references(objects: Sequence[Object]) -> Iterator[str]:
    """What a pod names is there: accounts, classes, claims, settings; secrets are among those that are told of."""
    there = {
        (each["kind"], each["metadata"]["name"])
        for each in objects
        if each["kind"] in ("ConfigMap", "PersistentVolumeClaim", "PriorityClass", "ServiceAccount")
    }
    for pod in pods(objects):
        for kind, name in _named(pod):
            if (kind, name) not in there:
                yield f"{pod.owner} names {kind} {name}, which is not there"
        volumes = {each["name"] for each in pod.spec.get("volumes", [])} | {"data"}
        for container in pod.containers:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    yield f"{pod.owner} mounts {mount['name']}, which is no volume"
    for owner, spark in of_kind(objects, "ScheduledSparkApplication").items():
        for kind, name in _of_volumes(spark["spec"]["template"]["volumes"]):
            if (kind, name) not in there:
                yield f"ScheduledSparkApplication/{owner} names {kind} {name}, which is not there"
    for name in _secrets_named(objects):
        if name not in SECRETS:
            yield f"secret {name} is none that docs/kubernetes.md tells of"


def _named(pod: Pod) -> Iterator[tuple[str, str]]:
    """Yield kind and name of all objects that a pod names."""
    for kind, field in (("ServiceAccount", "serviceAccountName"), ("PriorityClass", "priorityClassName")):
        if field in pod.spec:
            yield kind, pod.spec[field]
    yield from _of_volumes(pod.spec.get("volumes", []))
    for container in pod.containers:
        for each in container.get("envFrom", []):
            if "configMapRef" in each:
                yield "ConfigMap", each["configMapRef"]["name"]


def _of_volumes(volumes: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for volume in volumes:
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]


def _secrets_named(told: Any) -> Iterator[str]:
    """Yield the names of all secrets that anything refers to."""
    if isinstance(told, Mapping):
        if "secretName" in told:
            yield told["secretName"]
        yield from (told[kind]["name"] for kind in ("secretKeyRef", "secretRef") if kind in told)
        told = list(told.values())
    if isinstance(told, list | tuple):
        for each in told:
            yield from _secrets_named(each)


def secrets(objects: Sequence[Object]) -> Iterator[str]:
    """No secret stands in Git: neither as an object, nor as a variable, nor in an address."""
    yield from (f"Secret/{name} stands in Git" for name in of_kind(objects, "Secret"))
    for pod in pods(objects):
        for container in pod.containers:
            for variable in container.get("env", []):
                name, value = variable["name"], variable.get("value", "")
                if value and SECRET_NAME.search(name):
                    yield f"{pod.owner} has the value of {name} in Git"
    for thing in objects:
        if PASSWORD_IN_URL.search(str(thing)):
            yield f"{thing['kind']}/{thing['metadata']['name']} has a password in an address"


def places(objects: Sequence[Object]) -> Iterator[str]:
    """Everything is in the namespace, but for what has none and for Kafka's own."""
    for thing in objects:
        expected = (
            None if thing["kind"] in CLUSTER_WIDE else "kafka" if thing["kind"] == "KafkaTopic" else NAMESPACE
        )
        if (found := thing["metadata"].get("namespace")) != expected:
            yield f"{thing['kind']}/{thing['metadata']['name']} is in namespace {found}"
        schedule = thing.get("spec", {}).get("schedule", "0 0 * * *")
        if not CRON.fullmatch(schedule):
            yield f"{thing['kind']}/{thing['metadata']['name']} has the schedule {schedule!r}"
