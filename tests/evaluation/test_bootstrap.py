"""Intervals against NumPy oracles: coverage of the truth, pairing, cohorts and missing values."""

import numpy as np
import pytest

from crossfade.evaluation.bootstrap import WEIGHTS_AT_ONCE, intervals, ratios, resampled
from crossfade.evaluation.evaluation import EVERYONE, paired
from crossfade.schema.errors import InputError
from tests.evaluation import worlds

CHOICE = {"samples": 400, "confidence": 0.95, "seed": 3}


def test_every_resample_draws_as_many_users_as_there_are() -> None:
    blocks = list(resampled(50, 300, 1))
    weights = np.concatenate(blocks)
    assert weights.shape == (300, 50)
    assert (weights.sum(axis=1) == 50).all()
    # Multinomial: mean 1, variance 1 - 1/n.
    assert weights.mean() == 1
    assert weights.var() == pytest.approx(1 - 1 / 50, rel=0.05)


def test_blocks_bound_memory_and_make_up_all_samples() -> None:
    users = WEIGHTS_AT_ONCE // 2
    assert [len(block) for block in resampled(users, 5, 1)] == [2, 2, 1]


def test_the_interval_is_that_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(5, 2, 1000)
    (found,) = intervals(values[:, None], **CHOICE)
    # The standard error of a mean is s / sqrt(n); 95 % of a normal lie within 1.96 of it.
    error = values.std() / np.sqrt(1000)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)
    assert intervals(values[:, None], **CHOICE) == [found]
    assert intervals(values[:, None], **{**CHOICE, "seed": 4}) != [found]


def test_undefined_users_are_left_out_and_an_undefined_metric_has_no_interval() -> None:
    columns = np.array([[1.0, np.nan], [np.nan, np.nan], [1.0, np.nan]])
    first, second = intervals(columns, **CHOICE)
    assert first == (1.0, 1.0, 1.0)
    assert np.isnan(second).all()
    assert np.isnan(intervals(np.zeros((0, 1)), **CHOICE)[0]).all()


def test_paired_differences_are_far_tighter_than_unpaired_ones() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(300)  # some users are easy for every system
    first = worlds.evaluation("first", {"recall": hard + 0.01})
    second = worlds.evaluation("second", {"recall": hard})
    gap = paired(first, second)[EVERYONE]["recall"]
    assert gap == pytest.approx((0.01, 0.01, 0.01))
    whole = first.summary[EVERYONE]["recall"]
    assert whole.high - whole.low > 0.05


def test_cohorts_are_compared_over_their_own_users() -> None:
    flags = [True, True, False, False]
    first = worlds.evaluation("first", {"recall": [1, 1, 0, 0]}, cohorts={"half": flags})
    second = worlds.evaluation("second", {"recall": [0, 0, 1, 1]}, cohorts={"half": flags})
    found = paired(first, second)
    assert found["half"]["recall"] == (1.0, 1.0, 1.0)
    assert found[EVERYONE]["recall"].mean == 0.0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"rows": [0, 2]}, "second \\(2 users, truth same\\) were not evaluated on the same users"),
        ({"truth": "other"}, "truth other\\) were not evaluated on the same users and tracks; evaluate both"),
    ],
)
def test_evaluations_of_different_users_are_not_compared(change: dict[str, object], text: str) -> None:
    first = worlds.evaluation("first", {"recall": [1, 0]})
    second = worlds.evaluation("second", {"recall": [1, 0]}, **change)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=text):
        paired(first, second)


def test_evaluations_of_different_k_are_not_compared() -> None:
    first = worlds.evaluation("first", {"recall": [1, 0]})
    other = type(first)(**{**vars(first), "k": 10, "system": "short"})
    with pytest.raises(InputError, match="first was evaluated at k=30 and short at k=10"):
        paired(first, other)


def test_ratios_are_those_of_the_same_resamples() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.random((30, 2)), rng.random((30, 2))
    theirs[:, 1] = 0.0
    found = ratios(ours, theirs, samples=200, confidence=0.9, seed=4)
    assert found[0].mean == pytest.approx(ours[:, 0].mean() / theirs[:, 0].mean())
    # The oracle divides the resampled means one by one.
    weights = np.concatenate(list(resampled(30, 200, 4)))
    drawn = (weights @ ours[:, 0]) / (weights @ theirs[:, 0])
    assert found[0][1:] == pytest.approx(np.quantile(drawn, [0.05, 0.95]))
    assert np.isnan(found[1]).all()
