"""Policies judged from another one's log, where what they truly earn is known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crossfade.evaluation.off_policy import (
    Estimate,
    LoggedChoices,
    doubly_robust,
    inverse_propensity,
    self_normalised,
)
from crossfade.schema.errors import InputError

TASTES, CHOICES = 6, 4
# What each of six tastes likes of four genres; the logged policy leans to the first, the judged one to what is liked least.
LIKES = np.random.default_rng(5).uniform(0.05, 0.9, (TASTES, CHOICES))
PRESENT = np.tile([0.55, 0.15, 0.15, 0.15], (TASTES, 1))
BEST = np.where(LIKES.max(axis=1, keepdims=True) == LIKES, 0.7, 0.1)
WORST = np.where(LIKES.min(axis=1, keepdims=True) == LIKES, 0.7, 0.1)


def truth(policy: np.ndarray) -> float:
    return float((policy * LIKES).sum(axis=1).mean())


def logged(
    policy: np.ndarray, seed: int, users: int = 1000, each: int = 5
) -> tuple[LoggedChoices, np.ndarray]:
    """Choices of users, each with a taste and a mood of their own, so that their choices are not independent; and tastes."""
    random = np.random.default_rng(seed)
    owners = np.repeat(np.arange(users, dtype=np.int32), each)
    tastes = random.integers(TASTES, size=users)[owners]
    moods = random.normal(0, 0.05, users)[owners]
    chosen = (random.random(len(owners))[:, None] > np.cumsum(PRESENT, axis=1)[tastes]).sum(axis=1)
    rewards = (random.random(len(owners)) < LIKES[tastes, chosen] + moods).astype(np.float64)
    told = [probabilities[tastes, chosen] for probabilities in (PRESENT, policy)]
    return LoggedChoices(owners, rewards, *told, np.zeros(len(owners))), np.stack([tastes, chosen])


def by_model(log: LoggedChoices, at: np.ndarray, policy: np.ndarray) -> Estimate:
    """Doubly robust with a model that knows three quarters of the truth, and not of what."""
    tastes, chosen = at
    model = 0.75 * LIKES + 0.1
    return doubly_robust(log, model[tastes, chosen], (policy * model).sum(axis=1)[tastes])


ESTIMATORS: dict[str, Callable[[LoggedChoices, np.ndarray, np.ndarray], Estimate]] = {
    "ips": lambda log, *_: inverse_propensity(log),
    "snips": lambda log, *_: self_normalised(log),
    "doubly robust": by_model,
}


@pytest.mark.parametrize("policy", [BEST, WORST], ids=["better", "worse"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_interval_covers_the_truth_in_ninety_of_a_hundred_seeds(name: str, policy: np.ndarray) -> None:
    covered, widths = 0, []
    for seed in range(100):
        log, at = logged(policy, seed)
        found = ESTIMATORS[name](log, at, policy)
        covered += found.low <= truth(policy) <= found.high
        widths.append(found.high - found.low)
    assert covered >= 90
    assert np.mean(widths) < 0.5 * abs(truth(policy) - truth(PRESENT))  # and it says something


def test_a_policy_that_looks_better_and_is_worse_is_told() -> None:
    # The log holds more of the choices that it leaned to; those that the worse policy shares with it were earned by them.
    policy = WORST.copy()
    log, at = logged(policy, seed=3, users=4000)
    rewards = log.rewards + 0.8 * (at[1] == 0)  # the first genre pays most, and is what the log leaned to
    paid = replace(log, rewards=rewards)
    naive = rewards.mean()  # a replay that takes the log as it is
    now = truth(PRESENT) + 0.8 * PRESENT[0, 0]
    then = truth(policy) + 0.8 * policy[:, 0].mean()
    assert then < now
    assert naive > then + 0.2
    found = self_normalised(paid)
    assert found.high < now
    assert found.low <= then <= found.high


def test_weights_of_one_give_the_mean_and_its_error_over_users() -> None:
    log, _ = logged(PRESENT, seed=1)
    found = inverse_propensity(log)
    assert found.value == pytest.approx(log.rewards.mean())
    assert found.effective_size == pytest.approx(len(log.rewards))
    of_users = log.rewards.reshape(1000, 5).mean(axis=1)
    assert (found.high - found.low) / 2 == pytest.approx(
        1.959964 * of_users.std(ddof=1) / np.sqrt(1000), rel=1e-6
    )


def test_the_model_alone_may_be_right_where_propensities_are_not() -> None:
    log, (tastes, chosen) = logged(BEST, seed=2, users=4000)
    wrong = replace(log, propensities=np.full(len(log.rewards), 0.4))
    right = doubly_robust(wrong, LIKES[tastes, chosen], (BEST * LIKES).sum(axis=1)[tastes])
    assert right.value == pytest.approx(truth(BEST), abs=0.02)
    assert abs(inverse_propensity(wrong).value - truth(BEST)) > 0.1


def test_what_the_log_cannot_tell_is_refused() -> None:
    log, _ = logged(BEST, seed=1)
    blind = replace(log, unsupported=np.full(len(log.rewards), 0.05))
    for estimate in (inverse_propensity, self_normalised):
        with pytest.raises(InputError, match=r"makes 5\.0% of its choices where the log holds none"):
            estimate(blind)
    far = replace(log, judged=np.where(np.arange(len(log.rewards)) < 20, 1.0, 0.0))
    with pytest.raises(InputError, match=r"5000 choices say as much as \d+ \(at least 100 are needed\)"):
        inverse_propensity(far)
    with pytest.raises(InputError, match=r"above 0 and at most 1; the log has 0\.0 to"):
        inverse_propensity(replace(log, propensities=np.where(log.rewards > 0, 0.0, 0.5)))
    none = LoggedChoices(np.zeros(0, np.int32), *(np.zeros(0),) * 4)
    with pytest.raises(InputError, match="needs logged choices; got none"):
        self_normalised(none)
