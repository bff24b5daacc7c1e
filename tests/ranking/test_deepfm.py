"""DeepFM's formula term by term, its bins, and that training and serving compute the same."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crossfade.ranking.deepfm import DeepFmRanker
from crossfade.ranking.deepfm_network import Bins, score
from crossfade.schema.errors import TrainingError
from crossfade.schema.settings import default_settings
from tests.ranking.planted import planted

NAN = np.nan


def test_values_fall_between_quantiles_and_missing_ones_stand_alone() -> None:
    features = np.array([[1, 5], [2, NAN], [3, 5], [4, NAN]], np.float32)
    bins = Bins.of(features, 2)
    assert bins.edges.tolist() == [[3], [5]]
    assert bins.per_feature == 3
    asked = np.array([[0, 4], [2.9, 5], [3, 9], [NAN, NAN]], np.float32)
    assert bins.rows(asked).tolist() == [[1, 4], [1, 5], [2, 5], [0, 3]]


def test_a_feature_without_values_is_always_missing_or_in_one_bin() -> None:
    bins = Bins.of(np.full((3, 1), NAN, np.float32), 4)
    assert bins.rows(np.array([[NAN]], np.float32)).tolist() == [[0]]


def test_the_score_is_linear_pairs_and_deep_part() -> None:
    random = np.random.default_rng(0)
    linear, vectors = random.normal(size=6), random.normal(size=(6, 2))
    hidden, second = random.normal(size=(6, 3)), random.normal(size=(3, 2))
    weights = {
        "linear": linear, "vectors": vectors, "hidden_0": hidden, "bias_0": np.ones(3),
        "hidden_1": second, "bias_1": np.zeros(2), "output": np.array([1.0, -2.0]),
    }  # fmt: skip
    rows = np.array([[0, 2, 5]], np.int32)
    chosen = vectors[[0, 2, 5]]
    pairs = chosen[0] @ chosen[1] + chosen[0] @ chosen[2] + chosen[1] @ chosen[2]
    deep = np.maximum(np.maximum(chosen.ravel() @ hidden + 1, 0) @ second, 0) @ [1.0, -2.0]
    assert score(weights, rows) == pytest.approx([linear[[0, 2, 5]].sum() + pairs + deep], rel=1e-5)


def test_training_computes_what_serving_computes() -> None:
    from crossfade.ranking.deepfm_training import _Network

    settings = default_settings().deepfm.model_copy(update={"dropout": 0.0})
    network = _Network(4, 5, settings, seed=1)
    random = np.random.default_rng(2)
    for variable in network.variables.values():
        variable.assign(random.normal(size=variable.shape).astype(np.float32))
    rows = random.integers(0, 20, (30, 4)).astype(np.int32)
    np.testing.assert_allclose(network(rows, 0).numpy(), score(network.weights(), rows), rtol=1e-4, atol=1e-4)


def test_a_loss_that_is_not_finite_stops_with_the_place() -> None:
    settings = default_settings().deepfm.model_copy(update={"learning_rate": 1e30, "batch_queries": 8})
    with pytest.raises(TrainingError, match=r"DeepFM loss is (nan|inf) at epoch 1, step \d+; .* now 1e\+30"):
        DeepFmRanker(settings, seed=1).fit(*planted(60))


def test_serving_imports_no_tensorflow(tmp_path: Path) -> None:
    settings = default_settings().deepfm.model_copy(update={"epochs": 1})
    DeepFmRanker(settings, seed=1).fit(*planted(12)).save(tmp_path)
    code = (
        "import sys, numpy as np; from pathlib import Path; from crossfade.ranking.contract import load_ranker\n"
        "ranker = load_ranker(Path(sys.argv[1])); ranker.predict(np.zeros((2, len(ranker.task.features)), np.float32))\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
