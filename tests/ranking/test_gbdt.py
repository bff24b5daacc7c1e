"""The tree ranker on a planted rule: what is wanted follows from one feature, not from the sources' ranks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossfade.ranking import gbdt
from crossfade.ranking.gbdt import GbdtRanker
from crossfade.schema.columns import RANKING_FEATURES
from crossfade.schema.errors import IntegrityError
from crossfade.schema.settings import ObjectiveSettings, RankingSettings, default_settings
from tests.ranking.planted import GROUP, RULE, planted


def settings(**changes: Any) -> RankingSettings:
    small = {"num_trees": 40, "num_leaves": 7, "min_leaf_rows": 5}
    return default_settings().ranking.model_copy(update=small | changes)


@pytest.fixture(scope="module")
def fitted() -> GbdtRanker:
    return GbdtRanker(settings(), seed=1).fit(*planted(120))


def test_it_learns_the_planted_rule(fitted: GbdtRanker) -> None:
    features, labels, _, _ = planted(50, seed=9)
    scores = fitted.predict(features.reshape(50, GROUP, -1))
    assert scores.shape == (50, GROUP)
    top = np.argsort(-scores, axis=1)[:, :3]
    found = np.take_along_axis(labels.reshape(50, GROUP), top, axis=1).mean()
    assert found > 0.8  # 3 of 20 by chance are 0.15
    assert next(iter(fitted.feature_importance())) == RANKING_FEATURES[RULE]
    assert abs(sum(fitted.feature_importance().values()) - 1) < 1e-6


def test_graded_skips_sink_below_what_was_not_heard(tmp_path: Path) -> None:
    features, labels, sizes, users = planted(120)
    skipped = (labels == 0) & (features[:, RULE] > 0.5)  # near to what is wanted, so that only grades tell
    chosen = settings(objective=ObjectiveSettings(play=1, save=3, skip=1, discovery=0))
    ranker = GbdtRanker(chosen, seed=1).fit(
        features, np.where(skipped, -1, labels).astype(np.int32), sizes, users
    )
    ranker.save(tmp_path)
    assert GbdtRanker.load(tmp_path).settings == chosen
    scores = GbdtRanker.load(tmp_path).predict(features)
    plain = GbdtRanker(settings(), seed=1).fit(features, labels, sizes, users).predict(features)

    def below(values: Any) -> float:
        other = (labels == 0) & ~skipped
        return float(values[other].mean() - values[skipped].mean())

    assert below(plain) < 0 < below(scores)
    assert scores[labels > 0].mean() > scores[labels == 0].mean()


def test_a_batch_equals_its_singles_to_the_bit(fitted: GbdtRanker) -> None:
    features = planted(3)[0].reshape(3, GROUP, -1)
    np.testing.assert_array_equal(
        fitted.predict(features), np.stack([fitted.predict(one) for one in features])
    )


def test_early_stopping_uses_fewer_trees_when_more_do_not_help() -> None:
    features, labels, sizes, users = planted(120)
    noise = np.random.default_rng(5).permutation(labels)
    assert (
        GbdtRanker(settings(num_trees=200), seed=1).fit(features, noise, sizes, users).best_iteration_ < 100
    )


def test_few_users_grow_a_fixed_number_of_trees_and_still_learn() -> None:
    features, labels, sizes, users = planted(12)
    ranker = GbdtRanker(settings(num_trees=300, min_leaf_rows=5000), seed=1).fit(
        features, labels, sizes, users
    )
    assert ranker.best_iteration_ == gbdt.FEW_TREES
    scores = ranker.predict(features)
    assert scores[labels > 0].mean() > scores[labels == 0].mean() + 0.1


def test_contributions_add_up_to_the_score(fitted: GbdtRanker) -> None:
    features = planted(3)[0]
    parts = fitted.contributions(features)
    constants = fitted.predict(features) - parts.sum(axis=1)
    assert parts.shape == features.shape
    np.testing.assert_allclose(constants, constants[0], atol=1e-4)
    assert parts.std(axis=0).argmax() == RULE


def test_save_and_load_keep_the_scores(fitted: GbdtRanker, tmp_path: Path) -> None:
    fitted.save(tmp_path / "new" / "ranker")
    loaded = GbdtRanker.load(tmp_path / "new" / "ranker")
    features = planted(3)[0]
    np.testing.assert_array_equal(loaded.predict(features), fitted.predict(features))
    assert (loaded.seed, loaded.settings, loaded.best_iteration_) == (
        fitted.seed,
        fitted.settings,
        fitted.best_iteration_,
    )


def test_damaged_files_are_refused(fitted: GbdtRanker, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="is not a saved ranker"):
        GbdtRanker.load(tmp_path / "nowhere")
    fitted.save(tmp_path)
    (tmp_path / "model.txt").write_text("tree\nnonsense", "utf-8")
    with pytest.raises(IntegrityError, match=r"model\.txt is not a whole LightGBM model"):
        GbdtRanker.load(tmp_path)


def test_without_lightgbm_the_extra_is_named() -> None:
    code = "import sys; sys.modules['lightgbm'] = None; import crossfade.ranking.gbdt"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtraError: lightgbm is needed here but is not installed" in ended.stderr
    assert "crossfade[train]" in ended.stderr
