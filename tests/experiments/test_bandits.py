"""One contract for both bandits: they learn what is best where, forget, take feedback late, and know their chances."""

from collections import Counter

import numpy as np
import pytest

from crossfade.experiments.bandits import Arms, Bandit, Feedback, LinUcb, Thompson, bandit_of
from crossfade.schema.errors import InputError

DAY = 86_400
BANDITS = [LinUcb(alpha=0.5, explore=0.1), Thompson(width=0.4)]
ALL = np.arange(3, dtype=np.int32)
# In the first context arm 2 pays 0.8, in the second arm 0; the others 0.2.
CONTEXTS = np.eye(2)
PAYS = np.array([[0.2, 0.8], [0.2, 0.2], [0.8, 0.2]])


def feedback(n: int, seed: int = 0, *, best: np.ndarray = PAYS, seconds: int = 0) -> Feedback:
    random = np.random.default_rng(seed)
    kinds, arms = random.integers(0, 2, n), random.integers(0, 3, n).astype(np.int32)
    rewards = (random.random(n) < best[arms, kinds]).astype(float)
    return Feedback(CONTEXTS[kinds], arms, rewards, np.full(n, seconds))


def firsts(bandit: Bandit, arms: Arms, context: np.ndarray, n: int = 400) -> Counter[int]:
    return Counter(int(bandit.order(arms, context, ALL, f"k{i}")[0][0]) for i in range(n))


@pytest.mark.parametrize("bandit", BANDITS)
def test_each_context_gets_its_best_arm_first(bandit: Bandit) -> None:
    arms = Arms.unknown("abc", 2).learnt(feedback(3000), 0, 30)
    for context, best in zip(CONTEXTS, (2, 0), strict=True):
        assert firsts(bandit, arms, context).most_common(1)[0][0] == best


@pytest.mark.parametrize("bandit", BANDITS)
def test_regret_against_the_best_arm_falls_while_it_learns(bandit: Bandit) -> None:
    random = np.random.default_rng(1)
    arms, regrets = Arms.unknown("abc", 2), []
    for step in range(30):
        kinds = random.integers(0, 2, 20)
        shown = np.array(
            [bandit.order(arms, CONTEXTS[kind], ALL, f"{step} {i}")[0][0] for i, kind in enumerate(kinds)]
        )
        regrets.append(0.8 - PAYS[shown, kinds].mean())
        rewards = (random.random(20) < PAYS[shown, kinds]).astype(float)
        arms = arms.learnt(
            Feedback(CONTEXTS[kinds], shown.astype(np.int32), rewards, np.zeros(20, np.int64)), 0, 30
        )
    # A choice at random regrets 0.4.
    assert np.mean(regrets[:3]) > np.mean(regrets[-10:])
    assert np.mean(regrets[-10:]) < 0.15


@pytest.mark.parametrize("bandit", BANDITS)
def test_propensities_are_the_frequencies_of_arms_at_their_places(bandit: Bandit) -> None:
    arms = Arms.unknown("abc", 2).learnt(feedback(40), 0, 30)
    told, seen, n = {}, Counter[tuple[int, int]](), 3000
    for i in range(n):
        order, chances = bandit.order(arms, CONTEXTS[0], ALL, f"k{i}")
        for place, (arm, chance) in enumerate(zip(order.tolist(), chances.tolist(), strict=True)):
            seen[arm, place] += 1
            assert told.setdefault((arm, place), chance) == chance
    for key, chance in told.items():
        assert abs(seen[key] / n - chance) < 4 * np.sqrt(chance * (1 - chance) / n) + 1e-3


@pytest.mark.parametrize("bandit", BANDITS)
def test_equal_keys_draw_alike_and_absent_arms_stay_away(bandit: Bandit) -> None:
    arms = Arms.unknown("abc", 2)
    order, chances = bandit.order(arms, CONTEXTS[0], ALL, "k")
    again, _ = bandit.order(arms, CONTEXTS[0], ALL, "k")
    assert (order.tolist(), sorted(order.tolist())) == (again.tolist(), [0, 1, 2])
    assert chances.min() > 0
    two, _ = bandit.order(arms, CONTEXTS[0], ALL[[2, 0]], "k")
    assert sorted(two.tolist()) == [0, 2]
    assert bandit.order(arms, CONTEXTS[0], ALL[:0], "k")[0].tolist() == []


def test_feedback_may_come_late_and_in_any_order() -> None:
    early, late = feedback(50, 1, seconds=DAY), feedback(50, 2, seconds=9 * DAY)
    unknown = Arms.unknown("abc", 2)
    one = unknown.learnt(early, 10 * DAY, 7).learnt(late, 10 * DAY, 7)
    other = unknown.learnt(late, 10 * DAY, 7).learnt(early, 10 * DAY, 7)
    np.testing.assert_allclose(one.gram, other.gram)
    np.testing.assert_allclose(one.rewards, other.rewards)


def test_what_was_shown_long_ago_is_forgotten() -> None:
    then, now = feedback(2000, 1), feedback(200, 2, best=1 - PAYS, seconds=70 * DAY)
    arms = Arms.unknown("abc", 2).learnt(then, 70 * DAY, 7).learnt(now, 70 * DAY, 7)
    means, _ = arms.beliefs(CONTEXTS[0], ALL)
    assert means.argmin() == 2  # it paid best, and pays worst now
    still = Arms.unknown("abc", 2).learnt(then, 70 * DAY, 1e6).learnt(now, 70 * DAY, 1e6)
    assert still.beliefs(CONTEXTS[0], ALL)[0].argmax() == 2


def test_beliefs_are_those_of_a_ridge_regression() -> None:
    random = np.random.default_rng(3)
    contexts, rewards = random.normal(size=(30, 2)), random.random(30)
    told = Feedback(contexts, np.zeros(30, np.int32), rewards, np.zeros(30, np.int64))
    arms = Arms.unknown(["a"], 2, ridge=2.0).learnt(told, 0, 30)
    # A = X'X + 2 I; mean x'A^-1 X'r; variance x'A^-1 x.
    gram = contexts.T @ contexts + 2 * np.eye(2)
    asked = np.array([0.3, -0.7])
    means, spreads = arms.beliefs(asked, ALL[:1])
    assert means[0] == pytest.approx(asked @ np.linalg.solve(gram, contexts.T @ rewards))
    assert spreads[0] == pytest.approx(np.sqrt(asked @ np.linalg.solve(gram, asked)))


def test_bandits_are_found_by_name() -> None:
    assert bandit_of("linucb", alpha=1, explore=0.1, width=1) == LinUcb(1, 0.1)
    assert bandit_of("thompson", alpha=1, explore=0.1, width=2) == Thompson(2)
    with pytest.raises(InputError, match="Bandit 'dice' does not exist; choose one of: linucb, thompson"):
        bandit_of("dice", alpha=1, explore=0.1, width=1)
