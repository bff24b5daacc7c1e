"""Judges a policy from logged weeks, and lives weeks under it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from benchmarks.off_policy.place import PLACES, PRESENT, Doubles, Place
from crossfade.evaluation.off_policy import (
    Estimate,
    LoggedChoices,
    difference,
    doubly_robust,
    inverse_propensity,
    self_normalised,
)
from crossfade.experiments.foresight import Foreseen, require_not_worse
from crossfade.reranking.chances import Chances
from crossfade.reranking.exploration import Exploration
from crossfade.schema.errors import InputError
from crossfade.schema.ids import Rows

MODEL_SEED: Final = 50_000  # of the week that the model of rewards learns from, which is no logged one
KNOWN: Final = (1, 10, 50)  # plays of a genre that part what the model tells apart
EXPLORED: Final = list(PLACES)


@dataclass(frozen=True)
class Logged:
    """A week's slates, explored places alone.

    Args:
        users: [m] int32 who opened one.
        rows: [m, 3] int32 the tracks.
        propensities: [m, 3] float64.
        rewards: [m, 3] float64.
    """

    users: Rows
    rows: Rows
    propensities: Doubles
    rewards: Doubles


@dataclass(frozen=True)
class Judge:
    """Judges policies at one place."""

    place: Place

    def logged(self, policy: Exploration, seed: int) -> Logged:
        """Live a week under a policy, and log it; draws and luck are the seed's."""
        rows, propensities = self.place.slates(replace(policy, seed=seed))
        users, rewards = self.place.week(rows, seed)
        shown = rows[users][:, EXPLORED], propensities[users][:, EXPLORED].astype(np.float64)
        return Logged(users, *shown, rewards[:, EXPLORED])

    def truth(self, policy: Exploration, seed: int, weeks: int) -> float:
        """Return the mean reward of a place over weeks under a policy."""
        lived = [self.logged(policy, seed + number).rewards for number in range(weeks)]
        return float(np.concatenate(lived).mean())

    def covered(self, weeks: Sequence[Logged], policy: Exploration, true: float) -> dict[str, float]:
        """Return the share of weeks whose 95 % interval holds the truth, by estimator; a refused estimate holds nothing."""
        found: dict[str, list[bool]] = {"ips": [], "snips": [], "doubly robust": []}
        chances = self._chances(policy)
        for week in weeks:
            log = self._choices(week, chances)
            for name, estimate in self._estimates(week, log, chances).items():
                found[name].append(estimate.low <= true <= estimate.high)
        return {name: float(np.mean(held)) for name, held in found.items()}

    def gated(self, pools: Sequence[Sequence[Logged]], policy: Exploration) -> dict[str, float]:
        """Return in which share of pooled logs the gate refuses a policy, and in which a naive replay likes it better."""
        chances, refused, better = self._chances(policy), [], []
        for pool in pools:
            logs = [self._choices(week, chances) for week in pool]
            whole = LoggedChoices(*(np.concatenate(each) for each in zip(*map(_parts, logs), strict=True)))
            refused.append(_refuses(whole))
            picked = np.concatenate([self._most_probable(week, chances) for week in pool])
            rewards = np.concatenate([week.rewards for week in pool])
            better.append(rewards[picked].mean() > rewards.mean())
        return {"refused": float(np.mean(refused)), "looks_better": float(np.mean(better))}

    def refuses_unsupported(self, week: Logged) -> bool:
        """Return whether nothing is told of a policy that explores where the log never did."""
        elsewhere = self.place.chances(replace(PRESENT, places=(1, 3, 5)))
        beyond = elsewhere.beyond(self._present)[week.users]
        log = LoggedChoices(week.users, *(np.ones(len(week.users)),) * 3, beyond[:, [1, 3, 5]].mean(axis=1))
        try:
            self_normalised(log)
        except InputError:
            return True
        return False

    @cached_property
    def _present(self) -> Chances:
        return self.place.chances(PRESENT)

    def _chances(self, policy: Exploration) -> Chances:
        return self.place.chances(policy)

    def _choices(self, week: Logged, chances: Chances) -> LoggedChoices:
        owners = np.repeat(week.users, len(EXPLORED))
        judged = _at(chances, week.users).of(week.rows)
        beyond = _at(chances, week.users).beyond(_at(self._present, week.users))
        columns = (week.rewards, week.propensities, judged, beyond)
        return LoggedChoices(owners, *(each.ravel() for each in columns))

    def _estimates(self, week: Logged, log: LoggedChoices, chances: Chances) -> dict[str, Estimate]:
        told = _at(chances, week.users)
        expected = (told.chances * self._modelled(week.users, told.rows)).sum(axis=2)
        predicted = self._modelled(week.users, week.rows[:, :, None])[:, :, 0]
        return {
            "ips": inverse_propensity(log),
            "snips": self_normalised(log),
            "doubly robust": doubly_robust(log, predicted.ravel(), expected.ravel()),
        }

    def _modelled(self, users: Rows, rows: Rows) -> Doubles:
        """Return the reward [m, 3, c] that a model expects of tracks at explored places, by how well the genre is known."""
        kinds = np.digitize(self._plays[users[:, None, None], self._genres[np.maximum(rows, 0)]], KNOWN)
        return self._model[np.arange(len(EXPLORED))[None, :, None], kinds]

    @cached_property
    def _genres(self) -> Rows:
        return self.place.tracks.genre_rows[:, 0]

    @cached_property
    def _plays(self) -> Doubles:
        queries = self.place.queries
        plays = np.zeros((len(queries), self.place.tracks.num_genres))
        np.add.at(plays, (queries.owners, self._genres[queries.track_rows]), queries.strengths > 0)
        return plays

    @cached_property
    def _model(self) -> Doubles:
        """[3, kinds] float64: mean reward at each explored place, by how often the listener had played the genre."""
        week = self.logged(PRESENT, MODEL_SEED)
        kinds = np.digitize(self._plays[week.users[:, None], self._genres[week.rows]], KNOWN)
        means = np.full((len(EXPLORED), len(KNOWN) + 1), week.rewards.mean())
        for place in range(len(EXPLORED)):
            for kind in np.unique(kinds[:, place]):
                means[place, kind] = week.rewards[kinds[:, place] == kind, place].mean()
        return means

    def _most_probable(self, week: Logged, chances: Chances) -> np.ndarray:
        """Return [m, 3] bool: choices that the judged policy would most probably make, too."""
        told = _at(chances, week.users)
        best = np.take_along_axis(told.rows, told.chances.argmax(axis=2)[:, :, None], axis=2)[:, :, 0]
        return np.asarray(best == week.rows)


def _at(chances: Chances, users: Rows) -> Chances:
    """Return the explored places alone of users' slates."""
    return Chances(chances.rows[users][:, EXPLORED], chances.chances[users][:, EXPLORED])


def _parts(log: LoggedChoices) -> tuple[np.ndarray, ...]:
    return log.user_rows, log.rewards, log.propensities, log.judged, log.unsupported


def _refuses(log: LoggedChoices) -> bool:
    """Return whether an experiment with the policy would be kept from beginning."""
    found = Foreseen("judged", len(log.rewards), 0, difference(log))
    try:
        require_not_worse([found])
    except InputError:
        return True
    return False
