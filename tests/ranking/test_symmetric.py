"""The ranker of symmetric trees on a planted rule: what is wanted follows from one feature, not from the sources' ranks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossfade.ranking import symmetric
from crossfade.ranking.symmetric import SymmetricTreesRanker
from crossfade.schema.columns import RANKING_FEATURES
from crossfade.schema.errors import IntegrityError
from crossfade.schema.settings import ObjectiveSettings, RankingSettings, default_settings
from tests.ranking.planted import RULE, planted


def settings(**changes: Any) -> RankingSettings:
    return default_settings().ranking.model_copy(update={"num_trees": 40, "depth": 3} | changes)


@pytest.fixture(scope="module")
def fitted() -> SymmetricTreesRanker:
    return SymmetricTreesRanker(settings(), seed=1).fit(*planted(120))


def test_what_matters_is_told(fitted: SymmetricTreesRanker) -> None:
    assert next(iter(fitted.feature_importance())) == RANKING_FEATURES[RULE]
    assert abs(sum(fitted.feature_importance().values()) - 1) < 1e-6


def test_contributions_add_up_to_the_score(fitted: SymmetricTreesRanker) -> None:
    features = planted(3)[0]
    parts = fitted.contributions(features)
    constants = fitted.predict(features) - parts.sum(axis=1)
    assert parts.shape == features.shape
    np.testing.assert_allclose(constants, constants[0], atol=1e-4)


def test_a_tree_has_the_depth_of_the_settings(fitted: SymmetricTreesRanker) -> None:
    leaves = fitted.model_.get_tree_leaf_counts()
    assert len(leaves) == fitted.best_iteration_
    assert max(leaves) == 2 ** settings().depth


def test_graded_skips_sink_below_what_was_not_heard() -> None:
    features, labels, sizes, users = planted(120)
    skipped = (labels == 0) & (features[:, RULE] > 0.5)  # near to what is wanted, so that only grades tell
    graded = np.where(skipped, -1, labels).astype(np.int32)
    other = (labels == 0) & ~skipped

    def below(grades: Any, **changes: Any) -> float:
        scores = SymmetricTreesRanker(settings(**changes), seed=1).fit(features, grades, sizes, users)
        values = scores.predict(features)
        return float(values[other].mean() - values[skipped].mean())

    objective = ObjectiveSettings(play=1, save=3, skip=1, discovery=0)
    assert below(labels) < 0 < below(graded, objective=objective)


def test_early_stopping_uses_fewer_trees_when_more_do_not_help() -> None:
    features, labels, sizes, users = planted(120)
    noise = np.random.default_rng(5).permutation(labels)
    ranker = SymmetricTreesRanker(settings(num_trees=200), seed=1).fit(features, noise, sizes, users)
    assert ranker.best_iteration_ < 100


def test_few_users_grow_a_fixed_number_of_trees() -> None:
    ranker = SymmetricTreesRanker(settings(num_trees=300), seed=1).fit(*planted(12))
    assert ranker.best_iteration_ == symmetric.FEW_TREES


def test_a_damaged_model_is_refused(fitted: SymmetricTreesRanker, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    whole = (tmp_path / "model.cbm").read_bytes()
    for damaged in (b"nonsense", whole[: len(whole) // 2]):
        (tmp_path / "model.cbm").write_bytes(damaged)
        with pytest.raises(IntegrityError, match="is not a saved ranker"):
            SymmetricTreesRanker.load(tmp_path)


def test_without_catboost_the_extra_is_named() -> None:
    code = "import sys; sys.modules['catboost'] = None; import crossfade.ranking.symmetric"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtraError: catboost is needed here but is not installed" in ended.stderr
    assert "crossfade[train]" in ended.stderr
