"""The experiment pipeline: from the newest exposures to the next step of every experiment."""

from kfp import dsl

from components.refresh_lake.component import refresh_lake
from components.rollout.component import rollout
from components.step_experiments.component import step_experiments
from components.validate_data.component import validate_data
from pipelines.sizing import MEDIUM, SMALL, sized


@dsl.pipeline(name="experiment")
def experiment(
    lake: str = "/mnt/crossfade/lake",
    workspace: str = "/mnt/crossfade/workspace",
    settings: str = "",
    namespace: str = "",
) -> None:
    """Decide about every experiment from a lake that is valid, and roll out what follows.

    Args:
        lake: Directory of the lake, with the gateway's exposures.
        workspace: Directory with the manifests, and of the rollout.
        settings: YAML of the shape of `crossfade settings`; what it leaves out keeps its default.
        namespace: Where Kubernetes is told of the rollout; empty leaves that to Git.
    """
    refreshed = sized(refresh_lake(lake=lake, settings=settings), SMALL, is_reused=False)
    versions = refreshed.outputs["Output"]
    validated = sized(validate_data(lake=lake, settings=settings, versions=versions), SMALL, is_reused=False)
    stepped = step_experiments(lake=lake, workspace=workspace, settings=settings).after(validated)
    sized(stepped, MEDIUM, is_reused=False)
    sized(rollout(workspace=workspace, namespace=namespace).after(stepped), SMALL, is_reused=False)
