"""The pod of a treatment's service, as a namespace under Pod Security "restricted" takes it.

It is what manifests/base/recommender has, with one bundle for good. Sizes are left to KServe and to people, whose additions stay.
"""

from typing import Any, Final

from crossfade.schema.settings import RolloutSettings
from crossfade.schema.user_keys import FILE_VARIABLE

CONTAINER: Final = "kserve-container"  # KServe's name of a predictor's own
RPC_PORT, REST_PORT = 8082, 8081
KEYS: Final = "/etc/crossfade-keys"  # where the keys of users' names are mounted
SLEEP_SECONDS, GRACE_SECONDS = 10, 40  # until gateways know that a server ends; until it is killed


def predictor(service: str, image: str, digest: str, settings: RolloutSettings) -> dict[str, Any]:
    """Return the predictor of an InferenceService; no part of it is in it twice, or YAML would write references.

    Args:
        service: Its name.
        image: Of the recommender.
        digest: Of the bundle, which the workspace's claim has.
        settings: Claim, mount, keys and replicas.
    """
    claim = {"claimName": settings.claim, "readOnly": True}
    volumes: list[dict[str, Any]] = [
        {"name": "workspace", "persistentVolumeClaim": claim},
        {"name": "tmp", "emptyDir": {}},
    ]
    if settings.keys:
        volumes.append({"name": "keys", "secret": {"secretName": settings.keys}})
    return {
        "minReplicas": settings.replicas,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": [_spread(service)],
        "containers": [_container(image, digest, settings)],
        "volumes": volumes,
    }


def _spread(service: str) -> dict[str, Any]:
    """Return the wish for servers on different nodes."""
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"serving.kserve.io/inferenceservice": service}},
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
        "lifecycle": {"preStop": {"sleep": {"seconds": SLEEP_SECONDS}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _asks(path: str, failures: int) -> dict[str, Any]:
    """Return a probe of every five seconds that gives up after so many failures."""
    asked = {"path": path, "port": REST_PORT}
    return {"httpGet": asked, "periodSeconds": 5, "failureThreshold": failures}
