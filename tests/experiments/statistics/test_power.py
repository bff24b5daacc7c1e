"""Plans against tables and against what then happens."""

import numpy as np
import pytest

from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.moments import Moments
from crossfade.experiments.statistics.power import detectable_effect, power_of, users_per_arm
from crossfade.schema.errors import InputError


def test_the_usual_rule_of_thumb() -> None:
    # (1.959964 + 0.841621)^2 * 2 = 15.697759: the "16 s^2 / d^2" of van Belle (2008).
    assert users_per_arm(0.01, 1.0, alpha=0.05, power=0.8) == 156_978
    assert detectable_effect(100, 1.0, alpha=0.05, power=0.8) ** 2 * 100 == pytest.approx(15.697759, abs=1e-6)
    assert users_per_arm(0.5, 1.0, alpha=0.05, power=0.8) == 63
    # A control four times as large spares the treatment 3/8 of its users.
    assert users_per_arm(0.01, 1.0, alpha=0.05, power=0.8, ratio=4) == 98_111


def test_as_many_effects_are_found_as_planned() -> None:
    variance, effect, random = 1.0, 0.2, np.random.default_rng(1)
    users = users_per_arm(effect, variance, alpha=0.05, power=0.8)
    arms = random.exponential(1.0, (2, 4000, users))
    arms[0] += effect
    found = Effect.absolute(Moments.of(arms[0]), Moments.of(arms[1])).p_value() < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.02)
    assert power_of(effect, users, variance, alpha=0.05) == pytest.approx(0.8, abs=0.005)
    assert detectable_effect(users, variance, alpha=0.05, power=0.8) == pytest.approx(effect, rel=0.01)


@pytest.mark.parametrize(("effect", "alpha", "power"), [(0.0, 0.05, 0.8), (1.0, 0.0, 0.8), (1.0, 0.05, 1.0)])
def test_what_cannot_be_planned_is_refused(effect: float, alpha: float, power: float) -> None:
    with pytest.raises(InputError, match=f"got effect {effect}, alpha {alpha}, power {power}"):
        users_per_arm(effect, 1.0, alpha=alpha, power=power)
