"""Plans from past users whose mean and variance are known."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from crossfade.experiments.planning import plan
from crossfade.lake.participants import BEFORE, COUNTS, FIRST_SHOWN
from crossfade.schema.errors import InputError
from tests.experiments.test_decision import spec

USERS = 20_000


def past(plays: list[int]) -> pa.Table:
    """Users of whom a thousand come a day."""
    first = [
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n // 1000, seconds=n % 1000)
        for n in range(len(plays))
    ]
    zeros = {f"{name}{ending}": [0] * len(plays) for name in COUNTS for ending in ("", BEFORE)}
    return pa.table({**zeros, "plays": plays, FIRST_SHOWN: pa.array(first, pa.timestamp("us", "UTC"))})


def test_users_days_and_power() -> None:
    # Half play 8 and half 12: mean 10, variance 4. An effect of 1 % is 0.1; half and half, that takes 15.7 * 4 / 0.1^2 = 6279.1.
    found = plan(spec(), past([8, 12] * (USERS // 2)))
    assert (found.mean, found.deviation) == (pytest.approx(10.0), pytest.approx(2.0, rel=1e-3))
    assert found.users_needed == pytest.approx(6280, abs=2)
    assert found.users_a_period == USERS
    assert found.days == 13  # 12,560 users at a thousand a day
    assert found.power > 0.9
    assert found.detectable == pytest.approx(0.01 * (6280 / 10_000) ** 0.5, rel=1e-3)


def test_more_users_than_there_are() -> None:
    found = plan(spec(primary={"name": "plays", "minimumEffect": 0.001}), past([8, 12] * 500))
    assert found.days is None
    assert found.power < 0.1
    assert found.users_needed > 600_000


def test_a_small_treatment_needs_nearly_half_the_users_but_more_days() -> None:
    chosen = spec()
    small = chosen.ramp[-1].model_copy(update={"shares": {"flow": 0.1}})
    few = plan(chosen.model_copy(update={"ramp": (small,)}), past([8, 12] * (USERS // 2)))
    assert few.users_needed == pytest.approx(6280 / 2 * (1 + 1 / 9), abs=2)
    assert few.days is None


@pytest.mark.parametrize("plays", [[0] * 50, [7] * 50, []])
def test_a_metric_that_never_varies_cannot_be_planned_with(plays: list[int]) -> None:
    with pytest.raises(
        InputError, match=rf"plays of the {len(plays)} users of the past period does not vary, or is 0"
    ):
        plan(spec(), past(plays))
