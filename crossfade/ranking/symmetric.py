"""Symmetric gradient-boosted trees that rank candidates: LambdaMART (Burges 2010) on oblivious trees by CatBoost.

All nodes of a level of such a tree ask the same question (Prokhorenkova et al. 2018), so a tree is a table of 2^depth
values, and a candidate is scored without branches. The trees correct the same prior as `gbdt`.
"""

from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Int64s
from crossfade.ranking.contract import ranking_settings, read_about, require_features, write_about
from crossfade.ranking.groups import NDCG_AT, Groups
from crossfade.ranking.objective import Objective
from crossfade.ranking.prior import fused_ranks, prior_of, rank_places
from crossfade.ranking.tree_tables import TreeTables
from crossfade.schema.errors import IntegrityError, MissingExtraError
from crossfade.schema.ids import Rows
from crossfade.schema.settings import RankingSettings
from crossfade.schema.tasks import DISCOVERY, TASKS, Task

try:
    import catboost
except ImportError as error:
    raise MissingExtraError("catboost", "train") from error

MODEL: Final = "model.cbm"
# Without enough users to hold some out, a fixed number of trees is grown.
FEW_TREES: Final = 50
PATIENCE: Final = 30  # trees without better NDCG
FEATURE_SHARE: Final = 0.4  # of the features that each level may ask about, as with LightGBM
BORDERS: Final = 64  # thresholds a feature is cut at; 254 take thrice the time to train
# What CatBoost writes into a model of the moment at which it was made; equal data make equal bytes without.
OF_THE_MOMENT: Final = ("model_guid", "train_finish_time")
ALL_CORES: Final = -1


class SymmetricTreesRanker:
    """Scores candidates by symmetric trees over the features of its task.

    After `fit` or `load`: `model_`, its `tables_`, which score, and `best_iteration_`, its number of trees.

    Args:
        settings: Size of the model; `depth` and not `num_leaves` bounds a tree.
        seed: Of the draw of held-out users and of CatBoost.
        task: What is ranked for.
    """

    def __init__(self, settings: RankingSettings, seed: int, task: Task = DISCOVERY) -> None:
        """Store the arguments."""
        self.settings = settings
        self.seed = seed
        self.task = task

    def fit(self, features: Floats, labels: Rows, group_sizes: Int64s, user_rows: Rows) -> Self:
        """Learn from graded candidates, forgetting any earlier fit; see `Ranker`.

        A fifth of the users is held out to find how many trees rank them best; then all users grow so many.
        Groups of which no candidate is wanted teach nothing and are left out. Where no feature tells candidates apart, the
        prior alone ranks.
        """
        objective = Objective(self.settings.objective)
        rows = Groups(features, labels, group_sizes, user_rows, objective).taught()
        self.model_ = self._grown(rows, self._best_iteration(rows))
        self.best_iteration_ = int(self.model_.tree_count_)
        self.tables_ = TreeTables.of(self.model_)
        return self

    def _parameters(self, num_trees: int) -> dict[str, Any]:
        """Everything that CatBoost is told; gains are the labels, so NDCG takes them as they are (`type=Base`)."""
        return {
            "loss_function": f"LambdaMart:metric=NDCG;type=Base;top={NDCG_AT}",
            "eval_metric": f"NDCG:type=Base;top={NDCG_AT}",
            "iterations": num_trees,
            "depth": self.settings.depth,
            "learning_rate": self.settings.learning_rate,
            "rsm": FEATURE_SHARE,
            "border_count": BORDERS,
            "random_seed": self.seed,
            "thread_count": ALL_CORES,
            "allow_writing_files": False,
            "verbose": False,
        }

    def _best_iteration(self, rows: Groups) -> int:
        """Return how many trees rank the held-out users best."""
        held_out = rows.held_out(self.seed)
        if held_out is None or not _differ(rows.where(~held_out).features):
            return min(FEW_TREES, self.settings.num_trees)
        model = catboost.CatBoost(self._parameters(self.settings.num_trees))
        model.fit(
            self._pool(rows.where(~held_out)),
            eval_set=self._pool(rows.where(held_out)),
            early_stopping_rounds=PATIENCE,
        )
        return int(model.get_best_iteration()) + 1

    def _grown(self, rows: Groups, num_trees: int) -> catboost.CatBoost:
        """Return a model of so many trees; of rows that CatBoost refuses, since they are all alike, one whose leaves are 0."""
        if _differ(rows.features):
            return catboost.CatBoost(self._parameters(num_trees)).fit(self._pool(rows))
        features = np.repeat(np.array([[1.0], [0.0]], np.float32), len(self.task.features), axis=1)
        one_tree = catboost.CatBoost(self._parameters(1))
        one_tree.fit(
            catboost.Pool(features, [1.0, 0.0], group_id=[0, 0], feature_names=list(self.task.features))
        )
        one_tree.set_leaf_values(np.zeros_like(one_tree.get_leaf_values()))
        return one_tree

    def _pool(self, rows: Groups) -> catboost.Pool:
        """Return groups as CatBoost reads them."""
        return catboost.Pool(
            np.asfortranarray(rows.features),
            rows.gains,
            group_id=rows.owners,
            baseline=prior_of(rows.features, self.task),
            feature_names=list(self.task.features),
        )

    def predict(self, features: Floats) -> Floats:
        """Score candidates [..., num_features]; returns [...] float32, higher is better. NaN is a missing value."""
        rows = features.reshape(-1, features.shape[-1])
        if not len(rows):
            return np.zeros(features.shape[:-1], np.float32)
        scores = prior_of(rows, self.task) + self.tables_.predict(rows)
        return np.asarray(scores, np.float32).reshape(features.shape[:-1])

    def contributions(self, features: Floats) -> Floats:
        """Split scores into what each feature adds (Lundberg and Lee 2017).

        Args:
            features: [rows, num_features] float32.

        Returns:
            [rows, num_features] float32; a row's sum is its score but for a constant. A source's rank gets its part of
            the prior.
        """
        told = self.model_.get_feature_importance(
            catboost.Pool(np.asfortranarray(features)), type="ShapValues", thread_count=1
        )
        parts: Floats = np.asarray(told, np.float32)[:, :-1]
        parts[:, rank_places(self.task)] += fused_ranks(features, self.task)
        return parts

    def feature_importance(self) -> dict[str, float]:
        """Return each feature's share of the change of predictions, largest first."""
        changes: npt.NDArray[np.float64] = self.model_.get_feature_importance(type="PredictionValuesChange")
        order = np.argsort(-changes, kind="stable")
        return {
            self.task.features[place]: float(changes[place] / max(changes.sum(), 1e-12)) for place in order
        }

    def save(self, directory: Path) -> None:
        """Write CatBoost's `model.cbm`, and `ranker.json` with feature names, seed, settings and number of trees."""
        directory.mkdir(parents=True, exist_ok=True)
        written = self.model_.get_metadata()
        for name in OF_THE_MOMENT:
            written[name] = ""
        self.model_.save_model(str(directory / MODEL))
        about = {
            "model": "catboost",
            "task": self.task.name,
            "features": self.task.features,
            "seed": self.seed,
            "settings": self.settings.model_dump(),
            "best_iteration": self.best_iteration_,
        }
        write_about(directory, about)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; see `Ranker`."""
        about = read_about(directory)
        task = TASKS[about["task"]]
        require_features(directory, about["features"], task)
        loaded = cls(ranking_settings(about), about["seed"], task)
        loaded.best_iteration_ = about["best_iteration"]
        loaded.model_ = catboost.CatBoost()
        try:
            loaded.model_.load_model(str(directory / MODEL))
        except (OSError, catboost.CatBoostError) as error:
            raise IntegrityError(f"{directory} is not a saved ranker: {error}") from error
        loaded.tables_ = TreeTables.of(loaded.model_)
        return loaded


def _differ(features: Floats) -> bool:
    """Whether any feature of candidates [rows, num_features] has two values, of which one may be that it is missing."""
    return any(
        not np.array_equal(column, np.broadcast_to(column[:1], column.shape), equal_nan=True)
        for column in features.T
    )
