"""What every registered ranker promises, on planted rules."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossfade.ranking.contract import RANKERS, Ranker, load_ranker, unfitted_ranker
from crossfade.ranking.gbdt import GbdtRanker
from crossfade.ranking.prior import prior_of
from crossfade.ranking.training import nothing_to_learn
from crossfade.schema.columns import RANKING_FEATURES
from crossfade.schema.errors import IntegrityError, TrainingError
from crossfade.schema.settings import default_settings, load_settings
from crossfade.schema.tasks import DISCOVERY, NEXT_TRACK
from tests.ranking.planted import GROUP, RULE, planted

SMALL = (
    "ranking.num_trees=40",
    "ranking.num_leaves=7",
    "ranking.min_leaf_rows=5",
    "deepfm.bins=16",
)


def unfitted(name: str) -> Ranker:
    return unfitted_ranker(load_settings(assignments=[*SMALL, f"ranking.model={name}", "seed=1"]))


def test_the_radio_has_a_ranker_of_its_own_choice() -> None:
    chosen = load_settings(assignments=["ranking.model=catboost", "ranking.radio_model=gbdt"])
    kinds = [type(unfitted_ranker(chosen, task)).__name__ for task in (DISCOVERY, NEXT_TRACK)]
    assert kinds == ["SymmetricTreesRanker", "GbdtRanker"]


def of_queries(num_queries: int) -> Any:
    return planted(num_queries, seed=9)[0].reshape(num_queries, GROUP, -1)


@pytest.fixture(scope="module", params=RANKERS)
def fitted(request: pytest.FixtureRequest) -> Ranker:
    return unfitted(request.param).fit(*planted(240))


@pytest.fixture(params=RANKERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_learns_the_planted_rule_and_says_what_moved_a_score(fitted: Ranker) -> None:
    features, labels, _, _ = planted(50, seed=9)
    top = np.argsort(-fitted.predict(features.reshape(50, GROUP, -1)), axis=1)[:, :3]
    found = np.take_along_axis(labels.reshape(50, GROUP), top, axis=1).mean()
    assert found > 0.7  # 3 of 20 by chance are 0.15
    assert fitted.contributions(features).std(axis=0).argmax() == RULE


def test_where_no_feature_tells_candidates_apart_the_prior_ranks(name: str) -> None:
    rows = nothing_to_learn(DISCOVERY)
    ranker = unfitted(name).fit(rows.features, rows.labels, rows.group_sizes, rows.user_rows)
    features = np.random.default_rng(0).random((9, len(RANKING_FEATURES))).astype(np.float32) * 100
    scores = ranker.predict(features)
    np.testing.assert_allclose(
        scores - scores[0], prior_of(features, DISCOVERY) - prior_of(features, DISCOVERY)[0], atol=1e-5
    )


def test_a_batch_equals_its_singles(fitted: Ranker) -> None:
    features = of_queries(3)
    singles = np.stack([fitted.predict(one) for one in features])
    np.testing.assert_allclose(fitted.predict(features), singles, rtol=1e-5, atol=1e-6)


def test_nothing_to_score_gives_nothing(fitted: Ranker) -> None:
    assert fitted.predict(np.zeros((4, 0, len(RANKING_FEATURES)), np.float32)).shape == (4, 0)


def test_missing_values_and_extremes_have_finite_scores(fitted: Ranker) -> None:
    features = np.full((3, len(RANKING_FEATURES)), np.nan, np.float32)
    features[1], features[2] = 1e30, -1e30
    assert np.isfinite(fitted.predict(features)).all()


def test_equal_seeds_give_equal_bytes_and_fitting_again_forgets(name: str, tmp_path: Path) -> None:
    rows = planted(60)
    unfitted(name).fit(*rows).save(tmp_path / "first")
    unfitted(name).fit(*planted(60, seed=3)).fit(*rows).save(tmp_path / "second")
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "second").iterdir())
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_save_and_load_keep_the_scores(fitted: Ranker, tmp_path: Path) -> None:
    fitted.save(tmp_path / "new" / "ranker")
    loaded = load_ranker(tmp_path / "new" / "ranker")
    assert type(loaded) is type(fitted)
    features = of_queries(3)
    np.testing.assert_array_equal(loaded.predict(features), fitted.predict(features))


def test_settings_that_a_file_of_an_earlier_version_lacks_have_their_defaults(tmp_path: Path) -> None:
    unfitted("gbdt").fit(*planted(12)).save(tmp_path)
    about = json.loads((tmp_path / "ranker.json").read_text())
    del about["settings"]["depth"]
    (tmp_path / "ranker.json").write_text(json.dumps(about))
    loaded = load_ranker(tmp_path)
    assert isinstance(loaded, GbdtRanker)
    assert loaded.settings.depth == default_settings().ranking.depth
    assert loaded.settings.num_trees == 40


def test_groups_without_positives_change_nothing(name: str) -> None:
    features, labels, sizes, users = planted(60)
    extra = planted(5, seed=2)[0]
    padded = (
        np.concatenate([extra, features]),
        np.concatenate([np.zeros(len(extra), np.int32), labels]),
        np.concatenate([np.full(5, GROUP), sizes]),
        np.concatenate([np.full(5, 99, np.int32), users]),
    )
    without, with_them = (unfitted(name).fit(*rows) for rows in ((features, labels, sizes, users), padded))
    np.testing.assert_array_equal(without.predict(features), with_them.predict(features))


def test_few_users_are_learned_from_all_the_same(name: str) -> None:
    features, labels, sizes, users = planted(12)
    scores = unfitted(name).fit(features, labels, sizes, users).predict(features)
    assert scores[labels > 0].mean() > scores[labels == 0].mean()


@pytest.mark.parametrize("num_groups", [0, 7])
def test_no_positives_at_all_are_an_error(name: str, num_groups: int) -> None:
    features, labels, sizes, users = planted(num_groups)
    text = f"found none among {num_groups * GROUP} candidates of {num_groups} queries; lengthen split.validation_days"
    with pytest.raises(TrainingError, match=text):
        unfitted(name).fit(features, labels * 0, sizes, users)


def test_a_ranker_of_other_features_is_refused(fitted: Ranker, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    path = tmp_path / "ranker.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"features": [*RANKING_FEATURES[:-1], "charm"]}))
    with pytest.raises(
        IntegrityError, match=rf"they differ in charm, {RANKING_FEATURES[-1]}\. Train it again"
    ):
        load_ranker(tmp_path)
    path.write_text(json.dumps(about | {"features": RANKING_FEATURES[::-1]}))
    with pytest.raises(IntegrityError, match=r"they differ in the order\."):
        load_ranker(tmp_path)


def test_damaged_files_are_refused(fitted: Ranker, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="is not a saved ranker"):
        load_ranker(tmp_path / "nowhere")
    fitted.save(tmp_path)
    (tmp_path / "ranker.json").write_text("{", "utf-8")
    with pytest.raises(IntegrityError, match="is not a saved ranker"):
        load_ranker(tmp_path)
    (tmp_path / "ranker.json").write_text('{"model": "oracle"}', "utf-8")
    with pytest.raises(
        IntegrityError, match=r"holds a ranker of the kind 'oracle'; known here: gbdt, catboost, deepfm"
    ):
        load_ranker(tmp_path)
