"""The objects of a running experiment as files, one object a file: what Git keeps and Kubernetes is told.

experiments/NAME.yaml                   the manifest with its running step; the gateway reads this directory
inferenceservices/NAME-TREATMENT.yaml   KServe's service of a treatment; control's is the gateway's own recommender
champion.yaml                           ConfigMap with the digest that everybody gets, after a promotion
"""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from crossfade.experiments.predictor import RPC_PORT, predictor
from crossfade.experiments.spec import Experiment, Variant
from crossfade.schema.settings import RolloutSettings

EXPERIMENTS, SERVICES, CHAMPION = "experiments", "inferenceservices", "champion.yaml"
MANAGED: Final = {
    "app.kubernetes.io/managed-by": "crossfade-rollout"
}  # by which a rollout knows its own objects again


def manifest_file(experiment: Experiment) -> str:
    """Return the path of an experiment's own object."""
    return f"{EXPERIMENTS}/{experiment.metadata.name}.yaml"


def service_file(experiment: Experiment, treatment: str) -> str:
    """Return the path of a treatment's service."""
    return f"{SERVICES}/{service_name(experiment, treatment)}.yaml"


def service_name(experiment: Experiment, treatment: str) -> str:
    """Return the name of a treatment's service."""
    return f"{experiment.metadata.name}-{treatment}"


def running_manifest(experiment: Experiment) -> dict[str, Any]:
    """Return the manifest as the gateway reads it: with its status, and where each treatment is served.

    Args:
        experiment: The manifest, with the running step and the bundles of policies in its status.
    """
    variants = [
        variant.model_copy(
            update={
                "service": variant.service
                or f"grpc://{service_name(experiment, variant.name)}-predictor:{RPC_PORT}"
            }
        )
        if place
        else variant
        for place, variant in enumerate(experiment.spec.variants)
    ]
    spec = experiment.spec.model_copy(update={"variants": tuple(variants)})
    metadata = experiment.metadata.model_copy(update={"labels": {**experiment.metadata.labels, **MANAGED}})
    running = experiment.model_copy(update={"metadata": metadata, "spec": spec})
    return running.model_dump(mode="json", by_alias=True, exclude_none=True)


def inference_service(experiment: Experiment, variant: Variant, settings: RolloutSettings) -> dict[str, Any]:
    """Return a treatment's InferenceService; its path names the bundle, so that other content is another path."""
    name = service_name(experiment, variant.name)
    labels = {
        "app.kubernetes.io/name": "recommender",  # by which policies let the gateway in
        "networking.kserve.io/visibility": "cluster-local",
        "crossfade.dev/experiment": experiment.metadata.name,
        "crossfade.dev/variant": variant.name,
    }
    annotations = {"serving.kserve.io/deploymentMode": "Standard"}
    image, digest = variant.image or settings.image, experiment.bundles[variant.name]
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": _metadata(experiment, name, labels) | {"annotations": annotations},
        "spec": {"predictor": predictor(name, image, digest, settings)},
    }


def champion_map(experiment: Experiment, bundle: str) -> dict[str, Any]:
    """Return the ConfigMap that names the champion."""
    metadata = _metadata(experiment, "crossfade-champion", {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"bundle": bundle}}


def _metadata(experiment: Experiment, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name}
    if experiment.metadata.namespace:
        told["namespace"] = experiment.metadata.namespace
    return told | {"labels": {**labels, **MANAGED}}


def merged(old: Any, new: Any) -> Any:
    """Patch an object: what `new` names is as it says, all else stays as somebody wrote it; named items meet by name."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{key: merged(old.get(key), each) for key, each in new.items()}}
    if _are_named(old) and _are_named(new):
        ours = {each["name"]: each for each in new}
        kept = [merged(each, ours.pop(each["name"], each)) for each in old]
        return [*kept, *ours.values()]
    return new


def _are_named(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(each, Mapping) and "name" in each for each in items)


def as_yaml(told: Mapping[str, Any]) -> bytes:
    """Write one object; equal objects give equal bytes."""
    return yaml.dump(dict(told), Dumper=yaml.CSafeDumper, sort_keys=False, width=120).encode()


def of_yaml(text: str) -> Any:
    """Read one object, by libyaml, which takes a tenth of the time."""
    return yaml.load(text, Loader=yaml.CSafeLoader)
