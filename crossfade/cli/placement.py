"""Where the steps of a compiled pipeline run on Kubernetes, written through kfp-kubernetes."""

import copy
import dataclasses
from types import SimpleNamespace
from typing import Any, Final

from crossfade.schema.cluster_settings import StepSettings
from crossfade.schema.errors import MissingExtraError

PLATFORM: Final = "kubernetes"


def placed(pipeline: Any, steps: StepSettings) -> Any:
    """Return a pipeline of KFP, each of whose steps runs where the settings say.

    Args:
        pipeline: As its decorator made it; not changed.
        steps: What every step mounts, tolerates, asks of its node and gets of Secrets.

    Raises:
        MissingExtraError: kfp-kubernetes is not installed.
    """
    if not any((steps.volumes, steps.node_selector, steps.tolerations, steps.secrets)):
        return pipeline
    from google.protobuf.json_format import ParseDict
    from kfp.pipeline_spec.pipeline_spec_pb2 import PlatformSpec

    executors = dict.fromkeys(pipeline.pipeline_spec.deployment_spec["executors"], _config(steps))
    spec = ParseDict({"platforms": {PLATFORM: {"deploymentSpec": {"executors": executors}}}}, PlatformSpec())
    moved = copy.copy(pipeline)
    moved.component_spec = dataclasses.replace(pipeline.component_spec, platform_spec=spec)
    return moved


def _config(steps: StepSettings) -> dict[str, Any]:
    """Return what kfp-kubernetes writes about a step; of a task it needs no more than a place to write it to."""
    try:
        from kfp import kubernetes
    except ImportError as error:
        raise MissingExtraError("kfp-kubernetes", "pipelines") from error
    task = SimpleNamespace(platform_config={})
    for volume in steps.volumes:
        claim, _, path = volume.partition(":")
        kubernetes.mount_pvc(task, claim, path)
    for selector in steps.node_selector:
        label, _, value = selector.partition("=")
        kubernetes.add_node_selector(task, label, value)
    for taint in steps.tolerations:
        told, _, effect = taint.rpartition(":")
        key, equals, value = told.partition("=")
        how = {"operator": "Equal", "value": value} if equals else {"operator": "Exists"}
        kubernetes.add_toleration(task, key=key, effect=effect, **how)
    for secret in steps.secrets:
        place, _, variable = secret.partition("=")
        name, _, key = place.partition("/")
        kubernetes.use_secret_as_env(task, name, {key: variable})
    config: dict[str, Any] = task.platform_config.get(PLATFORM, {})
    return config
