"""The pods that objects lead to, whatever kind makes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.manifests.rendering import Object

FOREVER: Final = ("Deployment", "StatefulSet", "InferenceService")  # whose containers answer probes


@dataclass(frozen=True)
class Pod:
    """A pod as an object describes it: `owner` is Kind/name, `labels` what selectors see."""

    owner: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def is_server(self) -> bool:
        return self.owner.startswith(FOREVER)

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        """Container ports by their names."""
        return {
            port["name"]: port["containerPort"] for each in self.containers for port in each.get("ports", [])
        }

    def fits(self, selector: Mapping[str, Any]) -> bool:
        """Whether a label selector selects the pod; an empty one selects all."""
        wanted: Mapping[str, str] = selector.get("matchLabels", {})
        if any(self.labels.get(key) != value for key, value in wanted.items()):
            return False
        asked: Sequence[Mapping[str, Any]] = selector.get("matchExpressions", [])
        assert all(each["operator"] == "In" for each in asked)
        return all(self.labels.get(each["key"]) in each["values"] for each in asked)


def pods(objects: Sequence[Object]) -> Iterator[Pod]:
    """Yield the pods of all workloads; of Spark's only what `spark_parts` has."""
    for thing in objects:
        kind, spec = thing["kind"], thing.get("spec", {})
        owner = f"{kind}/{thing['metadata']['name']}"
        if kind in ("Deployment", "StatefulSet", "Job"):
            yield _of_template(owner, spec["template"])
        elif kind == "CronJob":
            yield _of_template(owner, spec["jobTemplate"]["spec"]["template"])
        elif kind == "InferenceService":
            labels = _of_kserve(thing)
            yield Pod(owner, labels, spec["predictor"])
            for place, canary in enumerate(spec.get("canary", [])):
                yield Pod(f"{owner}/canary/{place}", labels, canary["predictor"])


def spark_parts(objects: Sequence[Object]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield driver and executor of Spark's applications, with their names."""
    for thing in objects:
        if thing["kind"] == "ScheduledSparkApplication":
            for part in ("driver", "executor"):
                yield f"{thing['kind']}/{thing['metadata']['name']} {part}", thing["spec"]["template"][part]


def _of_template(owner: str, template: Mapping[str, Any]) -> Pod:
    return Pod(owner, template["metadata"]["labels"], template["spec"])


def _of_kserve(service: Object) -> dict[str, str]:
    """Return the labels that KServe gives a predictor's pods: the service's own, and two that say whose they are."""
    name: str = service["metadata"]["name"]
    own = {
        "serving.kserve.io/inferenceservice": name,
        "component": "predictor",
        "app": f"isvc.{name}-predictor",
    }
    return {**service["metadata"].get("labels", {}), **own}
