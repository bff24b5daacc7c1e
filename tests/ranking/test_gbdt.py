"""The tree ranker on a planted rule: what is wanted follows from one feature, not from the sources' ranks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossfade.ranking import gbdt
from crossfade.ranking.gbdt import GbdtRanker, fused_ranks
from crossfade.schema.columns import RANKING_FEATURES, RETRIEVAL_SOURCES
from crossfade.schema.errors import IntegrityError, TrainingError
from crossfade.schema.settings import ObjectiveSettings, RankingSettings, default_settings

GROUP = 20
RULE = RANKING_FEATURES.index("user_artist_share")


def settings(**changes: Any) -> RankingSettings:
    small = {"num_trees": 40, "num_leaves": 7, "min_leaf_rows": 5}
    return default_settings().ranking.model_copy(update=small | changes)


def planted(num_groups: int, seed: int = 0) -> tuple[Any, Any, Any, Any]:
    """Features, labels, sizes and users: the three candidates of a query with the highest rule value are wanted."""
    random = np.random.default_rng(seed)
    features = random.random((num_groups * GROUP, len(RANKING_FEATURES)), np.float32)
    features[random.random(features.shape) < 0.05] = np.nan
    features[:, RULE] = random.random(len(features))
    by_group = features[:, RULE].reshape(num_groups, GROUP)
    labels = (np.argsort(np.argsort(by_group, axis=1), axis=1) >= GROUP - 3).astype(np.int32).ravel()
    sizes = np.full(num_groups, GROUP, np.int64)
    return features, labels, sizes, np.arange(num_groups, dtype=np.int32) % max(num_groups // 2, 1)


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


def test_equal_seeds_give_equal_bytes_and_fitting_again_forgets(fitted: GbdtRanker, tmp_path: Path) -> None:
    again = GbdtRanker(settings(), seed=1).fit(*planted(60, seed=3)).fit(*planted(120))
    fitted.save(tmp_path / "first")
    again.save(tmp_path / "second")
    for name in ("model.txt", "ranker.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_a_batch_equals_its_singles(fitted: GbdtRanker) -> None:
    features = planted(3)[0].reshape(3, GROUP, -1)
    np.testing.assert_array_equal(
        fitted.predict(features), np.stack([fitted.predict(one) for one in features])
    )


def test_nothing_to_score_gives_nothing(fitted: GbdtRanker) -> None:
    assert fitted.predict(np.zeros((4, 0, len(RANKING_FEATURES)), np.float32)).shape == (4, 0)


def test_early_stopping_uses_fewer_trees_when_more_do_not_help() -> None:
    features, labels, sizes, users = planted(120)
    noise = np.random.default_rng(5).permutation(labels)
    assert (
        GbdtRanker(settings(num_trees=200), seed=1).fit(features, noise, sizes, users).best_iteration_ < 100
    )


def test_early_stopping_holds_out_whole_users(monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[set[int]] = []
    where = gbdt._Rows.where

    def remember(self: Any, groups: Any) -> Any:
        chosen = where(self, groups)
        watched.append(set(chosen.user_rows.tolist()))
        return chosen

    monkeypatch.setattr(gbdt._Rows, "where", remember)
    GbdtRanker(settings(num_trees=2), seed=1).fit(*planted(120))
    training, held_out = watched
    assert training.isdisjoint(held_out)
    assert (len(training), len(held_out)) == (48, 12)


def test_few_users_grow_a_fixed_number_of_trees_and_still_learn() -> None:
    features, labels, sizes, users = planted(12)
    ranker = GbdtRanker(settings(num_trees=300, min_leaf_rows=5000), seed=1).fit(
        features, labels, sizes, users
    )
    assert ranker.best_iteration_ == gbdt.FEW_TREES
    scores = ranker.predict(features)
    assert scores[labels > 0].mean() > scores[labels == 0].mean() + 0.1


def test_groups_without_positives_change_nothing() -> None:
    features, labels, sizes, users = planted(60)
    extra = planted(5, seed=2)[0]
    padded = (
        np.concatenate([extra, features]),
        np.concatenate([np.zeros(len(extra), np.int32), labels]),
        np.concatenate([np.full(5, GROUP), sizes]),
        np.concatenate([np.full(5, 99, np.int32), users]),
    )
    without, with_them = (
        GbdtRanker(settings(), seed=1).fit(*rows) for rows in ((features, labels, sizes, users), padded)
    )
    np.testing.assert_array_equal(without.predict(features), with_them.predict(features))


@pytest.mark.parametrize("num_groups", [0, 7])
def test_no_positives_at_all_are_an_error(num_groups: int) -> None:
    features, labels, sizes, users = planted(num_groups)
    text = f"found none among {num_groups * GROUP} candidates of {num_groups} queries; lengthen split.validation_days"
    with pytest.raises(TrainingError, match=text):
        GbdtRanker(settings(), seed=1).fit(features, labels * 0, sizes, users)


def test_the_prior_is_reciprocal_rank_fusion() -> None:
    features = np.full((2, len(RANKING_FEATURES)), np.nan, np.float32)
    features[0, RANKING_FEATURES.index("two_tower_rank")] = 0
    features[0, RANKING_FEATURES.index("popular_rank")] = 60
    assert fused_ranks(features).tolist() == [[1.5, 0, 0, 0.75], [0] * len(RETRIEVAL_SOURCES)]


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


def test_a_ranker_of_other_features_is_refused(fitted: GbdtRanker, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    path = tmp_path / "ranker.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"features": [*RANKING_FEATURES[:-1], "charm"]}))
    with pytest.raises(
        IntegrityError, match=rf"they differ in charm, {RANKING_FEATURES[-1]}\. Train it again"
    ):
        GbdtRanker.load(tmp_path)
    path.write_text(json.dumps(about | {"features": RANKING_FEATURES[::-1]}))
    with pytest.raises(IntegrityError, match=r"they differ in the order\."):
        GbdtRanker.load(tmp_path)


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
