"""The next step of every experiment of a workspace."""

from datetime import datetime

from crossfade.experiments.deciding import by_lake, by_log
from crossfade.experiments.history import Phase
from crossfade.experiments.installation import Installation
from crossfade.experiments.spec import read_experiment
from crossfade.experiments.stepping import Rollout
from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.settings import Settings


def step_all(workspace: Workspace, lake: Lake, settings: Settings, now: datetime) -> list[str]:
    """Step each manifest of the workspace, in the order of their files; one that cannot be stepped stops no other.

    Args:
        workspace: Has `experiments/*.yaml`; gets `rollout/`.
        lake: Refreshed.
        settings: All.
        now: UTC.

    Returns:
        A line for each experiment that has not ended before.

    Raises:
        CrossfadeError: Some could not be stepped; tells of all of them, after the others were.
    """
    rollout, taken, failed = Rollout(workspace.rollout, Installation(workspace, settings)), [], []
    for path in sorted(workspace.experiments.glob("*.yaml")):
        try:
            experiment = read_experiment(path)
            foresee = by_log(lake, rollout.installation, experiment, now)
            line = rollout.step(experiment, by_lake(lake, experiment, settings.lake), now, foresee=foresee)
        except CrossfadeError as error:
            failed.append(str(error))
            continue
        assert line is not None, "a lake always decides"
        if line.phase is Phase.DONE:  # it has ended at an earlier step, and nothing is looked at any more
            continue
        taken.append(f"{experiment.metadata.name}: {line.action}, step {line.step}. {line.reasons[0]}")
    if failed:
        raise CrossfadeError(" ".join([f"{len(failed)} experiments could not be stepped:", *failed]))
    return taken
