"""Skip-gram against one step in NumPy, and on planted clusters."""

from typing import Any

import numpy as np
import pytest

from crossfade.features.interactions import Floats
from crossfade.retrieval.sentences import Sentences
from crossfade.retrieval.skip_gram import NUM_LOTS, _kept_shares, _learn, _lots, skip_gram
from crossfade.retrieval.user_tower import unit
from crossfade.schema.errors import TrainingError
from crossfade.schema.model_settings import Item2VecSettings
from crossfade.schema.settings import default_settings


def settings(**changes: Any) -> Item2VecSettings:
    return default_settings().item2vec.model_copy(
        update={"dim": 8, "epochs": 30, "learning_rate": 0.1} | changes
    )


def two_clusters(seed: int = 0) -> Sentences:
    """Lists of 5 rows, all of 0..9 or all of 10..19; row 20 stands alone, 21 nowhere."""
    random = np.random.default_rng(seed)
    parts = [random.permutation(10)[:5] + 10 * (i % 2) for i in range(60)]
    rows = np.concatenate([*parts, [20]]).astype(np.int32)
    return Sentences(rows, np.array([*range(0, 301, 5), 301]), np.full(61, False))


def oracle(inputs: Any, outputs: Any, steps: list[tuple[int, int, list[int]]], rate: float) -> None:
    """Ascend log s(u.v) + sum log s(-u.n): u += rate (1 - s(u.v)) v - ..., outputs first, the input after all of its targets."""
    for row, target, negatives in steps:
        before, moved = inputs[row].copy(), np.zeros(inputs.shape[1])
        for other, wanted in [(target, 1.0), *((negative, 0.0) for negative in negatives)]:
            step = rate * (wanted - 1 / (1 + np.exp(-before @ outputs[other])))
            moved += step * outputs[other]
            outputs[other] += step * before
        inputs[row] += moved


def test_a_pass_is_the_gradient_of_every_pair_within_reach() -> None:
    random = np.random.default_rng(1)
    inputs, outputs = (random.standard_normal((5, 4)).astype(np.float32) for _ in range(2))
    wanted_inputs, wanted_outputs = inputs.astype(float), outputs.astype(float)
    rows, offsets = np.array([0, 1, 2, 2, 3], np.int32), np.array([0, 3, 5])
    reaches, negatives = np.array([1, 1, 2, 1, 1]), np.array([[4], [4], [2], [0], [1]], np.int32)
    # Lists 0 1 2 and 2 3: each place pulls the rows within its reach; a negative that is the target itself is left out.
    steps = [(1, 0, [4]), (0, 1, [4]), (2, 1, [4]), (0, 2, []), (1, 2, []), (3, 2, [0]), (2, 3, [1])]
    oracle(wanted_inputs, wanted_outputs, steps, 0.3)
    _learn(inputs, outputs, rows, offsets, reaches, negatives, np.float32(0.3))
    np.testing.assert_allclose(inputs, wanted_inputs, rtol=1e-4)
    np.testing.assert_allclose(outputs, wanted_outputs, rtol=1e-4)


def test_a_row_is_not_pulled_to_itself() -> None:
    inputs = np.ones((1, 4), np.float32)
    twice, reach = np.array([0, 0], np.int32), np.array([1, 1])
    _learn(inputs, inputs.copy(), twice, np.array([0, 2]), reach, np.zeros((2, 1), np.int32), np.float32(1))
    assert (inputs == 1).all()


@pytest.mark.parametrize("exponent", [0.75, 0.0, -0.5])
def test_rows_of_one_cluster_are_alike(exponent: float) -> None:
    vectors = unit(skip_gram(two_clusters(), 22, settings(negative_exponent=exponent), 0))
    cosines = vectors @ vectors.T
    assert cosines[:10, :10].min() > cosines[:10, 10:20].max()
    assert cosines[10:20, 10:20].min() > cosines[:10, 10:20].max()


def test_rows_without_company_have_no_vector() -> None:
    vectors = skip_gram(two_clusters(), 22, settings(epochs=1), 0)
    assert (vectors[20:] == 0).all()
    assert vectors[:20].any(axis=1).all()


def test_equal_seeds_give_equal_bytes_and_another_seed_does_not() -> None:
    first, again, other = (skip_gram(two_clusters(), 22, settings(epochs=2), seed) for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_nothing_to_learn_from_gives_zeros() -> None:
    nothing = Sentences(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.bool_))
    assert (skip_gram(nothing, 3, settings(), 0) == np.zeros((3, 8))).all()


def test_divergence_is_named_with_its_rate() -> None:
    with pytest.raises(TrainingError, match=r"item2vec\.learning_rate=1e\+30 let vectors grow"):
        skip_gram(two_clusters(), 22, settings(learning_rate=1e30), 0)


def test_frequent_rows_are_thinned_by_the_root() -> None:
    # The mean of the three that came is 10, so the threshold is 20: 24 is kept with (20 / 24) ** 0.5.
    shares = _kept_shares(np.array([24, 4, 2, 0]), 2.0)
    np.testing.assert_allclose(shares, [(20 / 24) ** 0.5, 1, 1, 1])


@pytest.mark.parametrize("exponent", [1.0, -1.0])
def test_negatives_are_drawn_by_counts_to_a_power(exponent: float) -> None:
    lots: Floats = np.bincount(_lots(np.array([1, 0, 3]), exponent), minlength=3) / NUM_LOTS
    wanted = np.array([1, 0, 3**exponent]) / (1 + 3**exponent)
    np.testing.assert_allclose(lots, wanted, atol=1e-5)
