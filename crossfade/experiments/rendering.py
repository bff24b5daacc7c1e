"""The objects of a running experiment as files, one object a file: what Git keeps and Kubernetes is told.

experiments/NAME.yaml                   the manifest with its running step; the gateway reads this directory
inferenceservices/NAME-TREATMENT.yaml   KServe's service of a treatment; control's is the gateway's own recommender
champion.yaml                           ConfigMap with the digest that everybody gets, after a promotion
"""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from crossfade.experiments.spec import Experiment, Variant
from crossfade.schema.settings import RolloutSettings
from crossfade.schema.user_keys import FILE_VARIABLE

EXPERIMENTS, SERVICES, CHAMPION = "experiments", "inferenceservices", "champion.yaml"
MANAGED: Final = {
    "app.kubernetes.io/managed-by": "crossfade-rollout"
}  # by which a rollout knows its own objects again
CONTAINER: Final = "kserve-container"  # KServe's name of a predictor's own
RPC_PORT, REST_PORT = 8082, 8081
KEYS: Final = "/etc/crossfade-keys"  # where the keys of users' names are mounted


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
    """Return a treatment's InferenceService; its path names the bundle, so that other content is another path.

    It is what manifests/base/recommender is, as far as a namespace under Pod Security "restricted" asks for it. Sizes are left to
    KServe and to people, whose additions stay.
    """
    name = service_name(experiment, variant.name)
    labels = {
        "app.kubernetes.io/name": "recommender",  # by which policies let the gateway in
        "networking.kserve.io/visibility": "cluster-local",
        "crossfade.dev/experiment": experiment.metadata.name,
        "crossfade.dev/variant": variant.name,
    }
    annotations = {"serving.kserve.io/deploymentMode": "Standard"}
    digest = experiment.bundles[variant.name]
    claim = {"claimName": settings.claim, "readOnly": True}
    volumes: list[dict[str, Any]] = [
        {"name": "workspace", "persistentVolumeClaim": claim},
        {"name": "tmp", "emptyDir": {}},
    ]
    if settings.keys:
        volumes.append({"name": "keys", "secret": {"secretName": settings.keys}})
    predictor = {
        "minReplicas": settings.replicas,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": [_spread(name)],
        "containers": [_container(variant.image or settings.image, digest, settings)],
        "volumes": volumes,
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": _metadata(experiment, name, labels) | {"annotations": annotations},
        "spec": {"predictor": predictor},
    }


def _container(image: str, digest: str, settings: RolloutSettings) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [
        {"name": "workspace", "mountPath": settings.mount, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    environment = []
    if settings.keys:
        mounts.append({"name": "keys", "mountPath": KEYS, "readOnly": True})
        environment.append({"name": FILE_VARIABLE, "value": f"{KEYS}/keys"})
    return {
        "name": CONTAINER,
        "image": image,
        "command": ["python", "-m", "serving.recommender"],
        "args": ["--bundle", f"{settings.mount}/bundles/{digest}", "--host", "0.0.0.0"],
        "env": environment,
        # KServe gives the predictor's port 80 to the first one, and every other its own number.
        "ports": [
            {"name": "http1", "containerPort": REST_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": RPC_PORT, "protocol": "TCP"},
        ],
        "startupProbe": _asks("/v2/models/crossfade/ready", 60),
        "readinessProbe": _asks("/v2/models/crossfade/ready", 3),
        "livenessProbe": _asks("/v2/health/live", 12),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _asks(path: str, failures: int) -> dict[str, Any]:
    """Return a probe; it gives up after so many failures."""
    asked = {"path": path, "port": REST_PORT}
    return {"httpGet": asked, "periodSeconds": 5, "failureThreshold": failures}


def _spread(name: str) -> dict[str, Any]:
    """Return the wish for servers on different nodes."""
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"serving.kserve.io/inferenceservice": name}},
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
    return yaml.safe_dump(dict(told), sort_keys=False, width=120).encode()
