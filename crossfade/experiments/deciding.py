"""Who decides about a step: the lake, Prometheus, or a person."""

from datetime import datetime
from typing import Any

from crossfade.experiments.alarms import Prometheus
from crossfade.experiments.analysis import analysed
from crossfade.experiments.decision import Action, Decision, decide
from crossfade.experiments.foresight import foreseen, require_not_worse
from crossfade.experiments.history import Standing
from crossfade.experiments.installation import Installation
from crossfade.experiments.observed import participants_of
from crossfade.experiments.spec import Experiment
from crossfade.experiments.stepping import Decide, Foresee
from crossfade.lake.lake import Lake
from crossfade.schema.errors import NotFoundError
from crossfade.schema.lake_settings import LakeSettings


def by_lake(lake: Lake, experiment: Experiment, settings: LakeSettings) -> Decide:
    """Decide by `decision.decide` from the exposures in a lake; where nobody was shown the experiment yet, hold."""

    def asked(standing: Standing) -> tuple[Decision, dict[str, Any]]:
        try:
            found = participants_of(lake, experiment, settings, standing.step_began)
        except NotFoundError as error:
            return Decision(Action.HOLD, None, (str(error),)), {}
        seen, told = analysed(experiment, found, standing)
        return decide(experiment.spec, seen), told

    return asked


def by_log(lake: Lake, installation: Installation, experiment: Experiment, now: datetime) -> Foresee:
    """Ask the log of what was shown whether a treatment is worse, before anybody sees it; errors as in `foresight`."""
    return lambda: require_not_worse(foreseen(lake, installation, experiment, now))


def by_alarms(prometheus: Prometheus, experiment: Experiment) -> Decide:
    """Roll back where an alarm is raised; else there is nothing to write down."""

    def asked(_: Standing) -> tuple[Decision, dict[str, Any]] | None:
        raised = prometheus.raised(experiment.spec.alarms)
        return (Decision(Action.ROLL_BACK, None, raised), {}) if raised else None

    return asked


def by_hand(reason: str) -> Decide:
    """Roll back for a reason that a person gives."""
    return lambda _: (Decision(Action.ROLL_BACK, None, (reason,)), {})
