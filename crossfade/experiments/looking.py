"""A look at an experiment, as people ask for it: at one that runs from the lake, at one that has ended from its history.

An experiment that has ended is not analysed again: what decided stands in its history, and looks after that would find effects of
what came since. Only what compares its own time stays readable, cohorts and the holdout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crossfade.experiments.analysis import analysed
from crossfade.experiments.cohorts import CohortEffect, cohort_effects
from crossfade.experiments.deeper import PARTS, interleaving, long_term, novelty, quantiles
from crossfade.experiments.history import Line, Standing
from crossfade.experiments.holdout import against_holdout
from crossfade.experiments.observed import Participants, followed, participants_of
from crossfade.experiments.spec import Experiment
from crossfade.lake.lake import Lake
from crossfade.schema.errors import NotFoundError
from crossfade.schema.lake_settings import LakeSettings


@dataclass(frozen=True)
class Look:
    """One look.

    Args:
        experiment: The manifest.
        lake: Refreshed.
        settings: Of the engine.
        standing: Where the experiment stands; it has begun.
        lines: Its history; none where that is not known.
    """

    experiment: Experiment
    lake: Lake
    settings: LakeSettings
    standing: Standing
    lines: Sequence[Line] = ()

    @cached_property
    def told(self) -> dict[str, Any]:
        """What `analysis.analysed` tells, with `holdout` where there is one, and of one that is over `ended`.

        Raises:
            NotFoundError: It runs, and nobody was shown it.
            InputError: A variant was shown that the manifest does not have, or who is held out cannot be told.
        """
        told = self._of_history() if self.standing.ended else self._of_lake()
        if self.experiment.spec.holdout:
            told["holdout"] = against_holdout(self.lake, self.experiment, self.settings, self.standing)
        return told

    def cohorts(self) -> list[CohortEffect]:
        """Return the effects by cohort of the last step that ran, none where its exposures are gone; errors as in `told`."""
        try:
            return cohort_effects(self.experiment.spec, self._found.arms)
        except NotFoundError:
            if self.standing.ended is None:
                raise
            return []

    @cached_property
    def deeper(self) -> dict[str, Any]:
        """What is told beyond the decision: `quantiles`, `cohorts`, `novelty`, `long_term`, `interleaving`; errors as in `told`.

        Each is a table, or `missing` with what it lacks; so are all of an experiment that is over and whose exposures are gone.
        """
        spec, cohorts = self.experiment.spec, self.cohorts()
        told: dict[str, Any] = {"cohorts": [each._asdict() for each in cohorts]}
        try:
            return told | {"quantiles": quantiles(spec, self._found.arms)} | self._followed()
        except NotFoundError as error:
            if self.standing.ended is None:
                raise
            return told | {part: {"missing": str(error)} for part in PARTS}

    def _followed(self) -> dict[str, Any]:
        standing, spec = self.standing, self.experiment.spec
        assert standing.began is not None
        assert standing.step_began is not None
        found = followed(
            self.lake,
            self.experiment,
            self.settings,
            began=standing.began,
            since=standing.step_began,
            until=standing.ended_at,
        )
        return {
            "novelty": novelty(spec, found.days),
            "long_term": long_term(spec, found.days, found.past),
            "interleaving": interleaving(spec, found.picks),
        }

    @cached_property
    def _found(self) -> Participants:
        since, until = self.standing.step_began, self.standing.ended_at
        return participants_of(self.lake, self.experiment, self.settings, since, until=until)

    def _of_lake(self) -> dict[str, Any]:
        return analysed(self.experiment, self._found, self.standing)[1]

    def _of_history(self) -> dict[str, Any]:
        """Return what was seen when it ended, or at the last look before that, and how it ended."""
        ended = self.standing.ended
        assert ended is not None
        nothing = {"users": {}, "of_several_variants": 0, "effects": {}}
        seen = next((line.seen for line in reversed(self.lines) if line.seen), nothing)
        return {
            "experiment": self.experiment.metadata.name,
            **seen,
            "action": ended.action,
            "treatment": ended.treatment,
            "reasons": list(ended.reasons),
            "ended": ended.time,
        }
