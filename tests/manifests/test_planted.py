"""Mistakes that were planted are found, each by what is meant to find it."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.manifests.commands import complaint
from tests.manifests.rendering import Object, of_kind, rendered
from tests.manifests.rules import faults
from tests.manifests.schemas import errors

Objects = list[Object]
Plant = Callable[[Objects], Any]


@cache
def whole() -> str:
    return json.dumps(rendered("production"))


def planted() -> Objects:
    objects: Objects = json.loads(whole())
    return objects


def spec(objects: Objects, kind: str, name: str) -> Any:
    return of_kind(objects, kind)[name]["spec"]


def container(objects: Objects, name: str = "recommender") -> Any:
    return spec(objects, "InferenceService", name)["predictor"]["containers"][0]


def without(objects: Objects, kind: str, name: str) -> None:
    objects.remove(of_kind(objects, kind)[name])


UNKNOWN: dict[str, tuple[Plant, str]] = {
    "KServe": (
        lambda found: spec(found, "InferenceService", "gateway")["predictor"].update(replicas=2),
        "InferenceService/gateway spec.predictor: Additional properties are not allowed ('replicas' was unexpected)",
    ),
    "a container of KServe": (
        lambda found: container(found).update(cmd=["python"]),
        "InferenceService/recommender spec.predictor.containers.0: Additional properties are not allowed ('cmd' was unexpected)",
    ),
    "Kubernetes": (
        lambda found: spec(found, "Deployment", "exporter").update(replica=2),
        "Deployment/exporter spec: Additional properties are not allowed ('replica' was unexpected)",
    ),
    "a type": (
        lambda found: spec(found, "Deployment", "exporter").update(replicas="2"),
        "Deployment/exporter spec.replicas: '2' is not of type 'integer', 'null'",
    ),
    "metadata": (
        lambda found: of_kind(found, "HTTPRoute")["gateway"]["metadata"].update(label={}),
        "HTTPRoute/gateway metadata: Additional properties are not allowed ('label' was unexpected)",
    ),
    "the Prometheus operator": (
        lambda found: spec(found, "PrometheusRule", "crossfade")["groups"][0]["rules"][0].update(alerts="x"),
        "PrometheusRule/crossfade spec.groups.0.rules.0: Additional properties are not allowed ('alerts' was unexpected)",
    ),
    "the Spark operator": (
        lambda found: spec(found, "ScheduledSparkApplication", "refresh")["template"].pop("sparkVersion"),
        "ScheduledSparkApplication/refresh spec.template: 'sparkVersion' is a required property",
    ),
    "Strimzi": (
        lambda found: spec(found, "KafkaTopic", "listens").update(partition=1),
        "KafkaTopic/listens spec: Additional properties are not allowed ('partition' was unexpected)",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_schema_finds(name: str) -> None:
    plant, told = UNKNOWN[name]
    objects = planted()
    plant(objects)
    (changed,) = [mine for mine, sound in zip(objects, rendered("production"), strict=True) if mine != sound]
    assert errors(changed) == [told]


RECOMMENDER = "InferenceService/recommender"
BROKEN: dict[str, tuple[Plant, str]] = {
    "a privileged container": (
        lambda found: container(found)["securityContext"].update(privileged=True),
        f"{RECOMMENDER} kserve-container may get more rights",
    ),
    "a capability": (
        lambda found: container(found)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
        f"{RECOMMENDER} kserve-container keeps capabilities",
    ),
    "a writable root": (
        lambda found: container(found)["securityContext"].pop("readOnlyRootFilesystem"),
        f"{RECOMMENDER} kserve-container may write to its root file system",
    ),
    "root": (
        lambda found: spec(found, "StatefulSet", "store")["template"]["spec"]["securityContext"].update(
            runAsUser=0
        ),
        "StatefulSet/store may run as root",
    ),
    "root in a container": (
        lambda found: container(found)["securityContext"].update(runAsUser=0),
        f"{RECOMMENDER} kserve-container runs as root",
    ),
    "no seccomp": (
        lambda found: spec(found, "StatefulSet", "store")["template"]["spec"]["securityContext"].pop(
            "seccompProfile"
        ),
        "StatefulSet/store has no seccomp profile",
    ),
    "the host's network": (
        lambda found: spec(found, "Deployment", "exporter")["template"]["spec"].update(hostNetwork=True),
        "Deployment/exporter sets hostNetwork",
    ),
    "the host's files": (
        lambda found: spec(found, "Deployment", "exporter")["template"]["spec"]["volumes"].append(
            {"name": "host", "hostPath": {"path": "/"}}
        ),
        "Deployment/exporter has a volume of kind hostPath",
    ),
    "a token that nobody needs": (
        lambda found: spec(found, "Deployment", "exporter")["template"]["spec"].pop(
            "automountServiceAccountToken"
        ),
        "Deployment/exporter mounts a token, or lacks the one that it needs",
    ),
    "a role for everything": (
        lambda found: of_kind(found, "Role")["rollout"]["rules"].append(
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}
        ),
        "Role/rollout allows too much: {'apiGroups': [''], 'resources': ['pods'], 'verbs': ['*']}",
    ),
    "a role beyond the namespace": (
        lambda found: found.append(
            {"kind": "ClusterRole", "metadata": {"name": "all", "namespace": "crossfade"}}
        ),
        "ClusterRole/all reaches beyond the namespace",
    ),
    "no limits": (
        lambda found: container(found)["resources"]["limits"].pop("memory"),
        f"{RECOMMENDER} kserve-container lacks requests or limits",
    ),
    "no limit of cores": (
        lambda found: container(found)["resources"]["limits"].pop("cpu"),
        f"{RECOMMENDER} leaves its limit of cores to KServe, whose own may be below the request",
    ),
    "no room to scale": (
        lambda found: spec(found, "InferenceService", "gateway")["predictor"].update(maxReplicas=1),
        "InferenceService/gateway has minReplicas above maxReplicas",
    ),
    "no probe": (
        lambda found: container(found, "gateway").pop("readinessProbe"),
        "InferenceService/gateway has no readinessProbe",
    ),
    "a probe at another port": (
        lambda found: container(found)["livenessProbe"]["httpGet"].update(port=8080),
        f"{RECOMMENDER}: livenessProbe asks port 8080, which the container does not have",
    ),
    "a Service at another port": (
        lambda found: spec(found, "Service", "exporter")["ports"][0].update(port=9091),
        "Service/exporter port 9091 is not http of Deployment/exporter",
    ),
    "a Service of nothing": (
        lambda found: spec(found, "Service", "exporter").update(selector={"app": "exporter"}),
        "Service/exporter selects no pod",
    ),
    "a budget of nothing": (
        lambda found: spec(found, "PodDisruptionBudget", "store")["selector"].update(
            matchLabels={"app": "redis"}
        ),
        "PodDisruptionBudget/store selects no pod: {'matchLabels': {'app': 'redis'}}",
    ),
    "no budget": (
        lambda found: without(found, "PodDisruptionBudget", "gateway"),
        "InferenceService/gateway has no PodDisruptionBudget",
    ),
    "no denial": (
        lambda found: without(found, "NetworkPolicy", "deny"),
        "NetworkPolicy/deny does not deny everything",
    ),
    "no way in": (
        lambda found: without(found, "NetworkPolicy", "exporter"),
        "Deployment/exporter listens at [8091], where no NetworkPolicy lets anybody in",
    ),
    "a configuration that is not there": (
        lambda found: spec(found, "Deployment", "receiver")["template"]["spec"]["volumes"].append(
            {"name": "more", "configMap": {"name": "more"}}
        ),
        "Deployment/receiver names ConfigMap more, which is not there",
    ),
    "a configuration of Spark that is not there": (
        lambda found: spec(found, "ScheduledSparkApplication", "refresh")["template"]["volumes"][1][
            "configMap"
        ].update(name="x"),
        "ScheduledSparkApplication/refresh names ConfigMap x, which is not there",
    ),
    "a mount of nothing": (
        lambda found: container(found)["volumeMounts"].append({"name": "cache", "mountPath": "/cache"}),
        f"{RECOMMENDER} mounts cache, which is no volume",
    ),
    "a secret that nobody knows of": (
        lambda found: container(found)["env"].append(
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "other", "key": "token"}}}
        ),
        "secret other is none that docs/kubernetes.md tells of",
    ),
    "variables of a secret that nobody knows of": (
        lambda found: container(found).update(envFrom=[{"secretRef": {"name": "other", "optional": True}}]),
        "secret other is none that docs/kubernetes.md tells of",
    ),
    "a secret in Git": (
        lambda found: found.append({"kind": "Secret", "metadata": {"name": "x", "namespace": "crossfade"}}),
        "Secret/x stands in Git",
    ),
    "a token in Git": (
        lambda found: container(found)["env"].append({"name": "KUBEFLOW_TOKEN", "value": "abc"}),
        f"{RECOMMENDER} has the value of KUBEFLOW_TOKEN in Git",
    ),
    "a password in an address": (
        lambda found: container(found)["args"].append("--store=redis://:abc@store:6379/0"),
        f"{RECOMMENDER} has a password in an address",
    ),
    "a moving image": (
        lambda found: container(found).update(image="crossfade/serving:latest"),
        f"{RECOMMENDER} runs crossfade/serving:latest, whose version may change under it",
    ),
    "an image of no version": (
        lambda found: container(found).update(image="host:5000/crossfade/serving"),
        f"{RECOMMENDER} runs host:5000/crossfade/serving, whose version may change under it",
    ),
    "a model without a digest": (
        lambda found: container(found)["env"][-1].update(value="pvc://crossfade-workspace/bundles/newest"),
        f"{RECOMMENDER} serves ['pvc://crossfade-workspace/bundles/newest'], which names no digest",
    ),
    "another namespace": (
        lambda found: of_kind(found, "Service")["store"]["metadata"].update(namespace="default"),
        "Service/store is in namespace default",
    ),
    "a schedule that is none": (
        lambda found: spec(found, "ScheduledSparkApplication", "refresh").update(schedule="daily"),
        "ScheduledSparkApplication/refresh has the schedule 'daily'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_finds(name: str) -> None:
    plant, told = BROKEN[name]
    objects = planted()
    plant(objects)
    assert faults(objects) == [told]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            "python -m serving.gateway --workspace=w --recommender=r --ports=8080",
            "unrecognized arguments: --ports=8080",
        ),
        (
            "python -m serving.recommender --rest-port=8081",
            "one of the arguments --bundle --workspace is required",
        ),
        (
            "python -m monitoring.receiver --workspace=w",
            "the following arguments are required: --lake, --token-file",
        ),
        ("crossfade run trainings --lake=l --workspace=w", "'trainings' is not one of"),
        ("crossfade run training --workspace=w", "Missing option '--lake'."),
        ("crossfade rune training", "No such command 'rune'."),
        ("crossfade run training --lake=$(LAKE) --workspace=w", "$(LAKE) is not set"),
        ("sh -c true", "sh is none of our commands"),
    ],
)
def test_a_parser_finds(command: str, told: str) -> None:
    assert told in complaint(command.split())
