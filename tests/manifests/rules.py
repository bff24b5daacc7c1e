"""What schemas do not say: rules of our own, each of which yields sentences about what breaks it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from tests.manifests.pods import Pod, pods, spark_parts
from tests.manifests.rendering import NAMESPACE, Object, of_kind

Rule = Callable[[Sequence[Object]], Iterator[str]]

# Secrets that people or a vault make; docs/kubernetes.md tells of each.
SECRETS: Final = (
    "crossfade-keys",
    "crossfade-receiver",
    "crossfade-kubeflow",
    "crossfade-kafka",
    "crossfade-tls",
)
VOLUMES: Final = {"name", "configMap", "secret", "emptyDir", "persistentVolumeClaim"}
CLUSTER_WIDE: Final = ("Namespace", "PriorityClass", "CustomResourceDefinition")
HOST_FIELDS: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
DIGEST: Final = re.compile(r"(pvc|s3|gs)://[^/]+(/[^/]+)*/[0-9a-f]{12,64}")
CRON: Final = re.compile(r"([0-9*/,-]+ ){4}[0-9*/,-]+")
SECRET_NAME: Final = re.compile(r"PASSWORD|TOKEN|SECRET|CREDENTIAL|_KEYS?$")
PASSWORD_IN_URL: Final = re.compile(r"://[^/@\s]*:[^/@\s]+@")
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
        if not 1 <= predictor["minReplicas"] <= predictor["maxReplicas"]:
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
        yield from (("ConfigMap", each["configMapRef"]["name"]) for each in container.get("envFrom", []))


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
        if "secretKeyRef" in told:
            yield told["secretKeyRef"]["name"]
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


RULES: Final[tuple[Rule, ...]] = (
    restricted, accounts, sizes, probes, services, selectors, networks, references, secrets, images, models, places,
)  # fmt: skip


def faults(objects: Sequence[Object]) -> list[str]:
    """Return what breaks any rule."""
    return [told for rule in RULES for told in rule(objects)]
