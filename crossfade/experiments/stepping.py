"""One step of a rollout: decide, write down what follows, do it, write down that it is done.

Every change is such that doing it again changes nothing. So a step that was killed is finished by the next one, which does
all of its changes again, and ends in the same bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from crossfade.experiments import rendering
from crossfade.experiments.decision import Action, Decision
from crossfade.experiments.history import Begin, History, Line, Phase, Standing, history_of
from crossfade.experiments.installation import Installation
from crossfade.experiments.spec import Experiment, Status, read_experiment
from crossfade.schema.durable import locked, replace_file, sync_directory
from crossfade.schema.errors import InputError

Decide = Callable[[Standing], tuple[Decision, dict[str, Any]] | None]
Foresee = Callable[[], Sequence[str]]


def nothing_foreseen() -> Sequence[str]:
    """Let an experiment begin without asking any log."""
    return ()


@dataclass(frozen=True)
class Rollout:
    """A Git-friendly directory of objects with the history of what led to them.

    Args:
        directory: See `rendering` for the files; `history/NAME.jsonl` is beside them.
        installation: What is changed outside of the directory.
    """

    directory: Path
    installation: Installation

    def history(self, experiment: Experiment) -> History:
        """Return an experiment's history."""
        return history_of(self.directory, experiment.metadata.name)

    def step(
        self,
        experiment: Experiment,
        decide: Decide,
        now: datetime,
        *,
        may_begin: bool = True,
        foresee: Foresee = nothing_foreseen,
    ) -> Line | None:
        """Finish what a killed step left; else begin the experiment; else decide and do what follows.

        Args:
            experiment: Its manifest.
            decide: Asked with where the experiment stands; None is nothing to write down.
            now: UTC.
            may_begin: False leaves alone what has not begun.
            foresee: Asked before the experiment begins; returns what is told of its treatments, or raises where it should not.

        Returns:
            What was done; the line that ended it if it has ended; None where there was nothing to do.

        Raises:
            InputError: The manifest is another experiment by now, asks for what cannot be rolled out, or meets another one; or
                of `foresee`.
        """
        history = self.history(experiment)
        with locked(self.installation.workspace.path / ".rollout.lock"):
            standing = Standing.of(history.lines())
            line = standing.unfinished
            if line is not None:
                _require_same(experiment, line)
            elif standing.ended is not None:
                return standing.ended
            elif standing.step or may_begin:
                line = (
                    self._next(experiment, decide, now, standing)
                    if standing.step
                    else self._first(experiment, foresee, now)
                )
            if line is None:
                return None
            changes = self._changes(experiment, line)
            if standing.unfinished is None:  # only now: what cannot be done is not begun
                history.append(line)
            for change in changes:
                change()
            history.append(replace(line, phase=Phase.DONE, seen={}))
            return line

    def _first(self, experiment: Experiment, foresee: Foresee, now: datetime) -> Line:
        self._require_room(experiment)
        reasons = [f"The experiment begins with step 1 of {len(experiment.spec.ramp)}.", *foresee()]
        time = now.isoformat(timespec="seconds")
        return Line(time, Phase.BEGUN, Begin.BEGIN, 1, None, reasons, {}, identity(experiment))

    def _next(self, experiment: Experiment, decide: Decide, now: datetime, standing: Standing) -> Line | None:
        time, same = now.isoformat(timespec="seconds"), identity(experiment)
        _require_same(experiment, self.history(experiment).lines()[-1])
        asked = decide(standing)
        if asked is None:
            return None
        decision, seen = asked
        step = standing.step + (decision.action is Action.RAMP)
        return Line(
            time, Phase.BEGUN, decision.action, step, decision.treatment, decision.reasons, seen, same
        )

    def _changes(self, experiment: Experiment, line: Line) -> Sequence[Callable[[], None]]:
        """Return what a line asks for, in an order in which no user is ever sent where nobody answers."""
        services = {name: rendering.service_file(experiment, name) for name in experiment.spec.treatments}
        stop = (lambda: self._remove(rendering.manifest_file(experiment)),)
        unserve = tuple(lambda path=path: self._remove(path) for path in services.values())
        if line.action == Action.ROLL_BACK:
            return (*stop, lambda: self.installation.take_back(experiment.spec), *unserve)
        made = self.installation.with_policies(experiment.spec)
        status = Status(step=line.step, bundles=made or None)
        served = experiment.model_copy(update={"status": status})
        if line.action == Action.PROMOTE:
            return (lambda: self._promote(served, line), *stop, *unserve)
        return (
            *(lambda v=v: self._serve(served, v) for v in served.spec.variants[1:]),
            lambda: self._write(rendering.manifest_file(served), rendering.running_manifest(served)),
        )

    def _promote(self, experiment: Experiment, line: Line) -> None:
        assert line.treatment is not None, "a promotion names whom"
        won = experiment.bundles[line.treatment]
        self.installation.promote(experiment, won, line)
        self._write(rendering.CHAMPION, rendering.champion_map(experiment, won))

    def _serve(self, experiment: Experiment, variant: Any) -> None:
        told = rendering.inference_service(experiment, variant, self.installation.settings.rollout)
        self._write(rendering.service_file(experiment, variant.name), told)

    def _write(self, path: str, told: dict[str, Any]) -> None:
        """Render an object, or patch what somebody has added to."""
        target = self.directory / path
        old = rendering.of_yaml(target.read_text("utf-8")) if target.is_file() else None
        replace_file(target, rendering.as_yaml(rendering.merged(old, told)))

    def _remove(self, path: str) -> None:
        target = self.directory / path
        target.unlink(missing_ok=True)
        if target.parent.is_dir():
            sync_directory(target.parent)

    def _require_room(self, experiment: Experiment) -> None:
        """Refuse to begin beside an experiment with which it would share users, or that cannot be served."""
        self.installation.require(experiment.spec)
        for path in sorted((self.directory / rendering.EXPERIMENTS).glob("*.yaml")):
            other = read_experiment(path).spec
            for what in ("surface", "layer"):
                ours = getattr(experiment.spec, what)
                if ours is not None and ours == getattr(other, what):
                    raise InputError(
                        f"{experiment.metadata.name} cannot begin: {path} runs with the same {what} {str(ours)!r}; one at a time."
                    )


def identity(experiment: Experiment) -> dict[str, Any]:
    """Return what users' assignments rest on, and what they are assigned to: it must not change under way."""
    spec = experiment.spec
    policies = {variant.name: variant.policy for variant in spec.variants if variant.policy}
    return {
        "salt": experiment.salt,
        "surface": str(spec.surface),
        "layer": spec.layer,
        "holdout": spec.holdout,
        "variants": {variant.name: variant.bundle for variant in spec.variants},
        **({"policies": policies} if policies else {}),
    }


def _require_same(experiment: Experiment, line: Line) -> None:
    ours = identity(experiment)
    for key in {**ours, **line.identity}:
        then, value = line.identity.get(key), ours.get(key)
        if then != value:
            raise InputError(
                f"{experiment.metadata.name}: {key} was {then!r} when it began and is {value!r} by now; roll it back with the "
                "old manifest, and begin another experiment under another name."
            )
