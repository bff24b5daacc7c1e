"""A watch over the guardrails of all running experiments: a look every minute, and what does harm goes back at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from crossfade.experiments.alarms import Prometheus
from crossfade.experiments.deciding import by_alarms
from crossfade.experiments.decision import Action
from crossfade.experiments.rendering import EXPERIMENTS
from crossfade.experiments.spec import read_experiment
from crossfade.experiments.stepping import Rollout
from crossfade.schema.errors import CrossfadeError, PrometheusAwayError
from crossfade.schema.metrics import GUARDRAIL_LAST_LOOK, GUARDRAIL_LOOKS, GUARDRAIL_ROLLBACKS, Recorder

POLL_SECONDS: Final = 0.2
LOOKED, AWAY, REFUSED = "looked", "away", "refused"
OTHERS: Final = (
    "the server",
    "the cluster",
)  # what may hinder besides an experiment, whose names have no spaces


@dataclass
class Watch:
    """Looks at the alarms of what runs in a rollout's directory.

    What hinders it is told once, and when it is over: an outage of an hour is two lines, not sixty.

    Args:
        rollout: Whose `experiments/*.yaml` run.
        prometheus: Is asked.
        tell: Told sentences, for people.
        recorder: Told of looks and of what they led to.
        apply: Tells a cluster of the directory: called at the first look, in case an earlier watch was killed before it,
            and after a rollback, until it succeeds.
    """

    rollout: Rollout
    prometheus: Prometheus
    tell: Callable[[str], None]
    recorder: Recorder
    apply: Callable[[], object] = lambda: None
    _hindered_by: set[str] = field(default_factory=set, init=False)
    _is_applied: bool = field(default=False, init=False)

    def look(self, now: datetime) -> None:
        """Look once at every running experiment; what hinders one look hinders no other.

        Args:
            now: UTC.
        """
        paths = sorted((self.rollout.directory / EXPERIMENTS).glob("*.yaml"))
        seen = [self._look_at(path.stem, now) for path in paths]
        self._apply()
        self._hindered_by &= {*(path.stem for path in paths), *OTHERS}  # others do not run any more
        if all(seen):
            self.recorder.record(GUARDRAIL_LAST_LOOK, now.timestamp())

    def _look_at(self, name: str, now: datetime) -> bool:
        """Return whether an experiment could be looked at."""
        try:
            experiment = read_experiment(self.rollout.directory / EXPERIMENTS / f"{name}.yaml")
            line = self.rollout.step(experiment, by_alarms(self.prometheus, experiment), now, may_begin=False)
        except PrometheusAwayError as error:
            self.recorder.record(GUARDRAIL_LOOKS, 1, result=AWAY)
            self._hindered(OTHERS[0], f"{error} It is asked again at every look.")
            return False
        except CrossfadeError as error:
            self.recorder.record(GUARDRAIL_LOOKS, 1, result=REFUSED)
            self._hindered(name, f"{name} is not guarded: {error}")
            return False
        self.recorder.record(GUARDRAIL_LOOKS, 1, result=LOOKED)
        if experiment.spec.alarms:
            self._free(OTHERS[0], f"Prometheus at {self.prometheus.url} answers again.")
        self._free(name, f"{name} is guarded again.")
        if line is not None and line.action == Action.ROLL_BACK:
            self.recorder.record(GUARDRAIL_ROLLBACKS, 1)
            self.tell(f"{name} was rolled back. {' '.join(line.reasons)}")
            self._is_applied = False
        return True

    def _apply(self) -> None:
        if self._is_applied:
            return
        try:
            self.apply()
        except CrossfadeError as error:
            self._hindered(OTHERS[1], f"The rollout is not applied yet: {error}")
            return
        self._is_applied = True
        self._free(OTHERS[1], "The rollout is applied.")

    def _hindered(self, what: str, sentence: str) -> None:
        if what not in self._hindered_by:
            self._hindered_by.add(what)
            self.tell(sentence)

    def _free(self, what: str, sentence: str) -> None:
        if what in self._hindered_by:
            self._hindered_by.remove(what)
            self.tell(sentence)


def keep_looking(look: Callable[[], None], every_seconds: float, is_told_to_stop: Callable[[], bool]) -> None:
    """Look again and again until told to stop; a look that takes longer than the pause is followed by the next at once.

    Args:
        look: One look.
        every_seconds: From the beginning of one look to that of the next.
        is_told_to_stop: Asked several times a second.
    """
    due = time.monotonic()
    while not is_told_to_stop():
        if time.monotonic() >= due:
            due = time.monotonic() + every_seconds
            look()
        else:
            time.sleep(min(POLL_SECONDS, max(0.0, due - time.monotonic())))
