"""Gradient-boosted trees that rank candidates: LambdaMART (Burges 2010) by LightGBM.

The trees correct a prior (`prior.py`). On 30Music this is worth a tenth of recall and NDCG.
"""

from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Int64s
from crossfade.ranking.contract import ranking_settings, read_about, require_features, write_about
from crossfade.ranking.groups import NDCG_AT, Groups
from crossfade.ranking.leaf_masks import LeafMasks
from crossfade.ranking.objective import Objective
from crossfade.ranking.prior import fused_ranks, prior_of, rank_places
from crossfade.schema.cores import may_spread
from crossfade.schema.errors import IntegrityError, MissingExtraError
from crossfade.schema.ids import Rows
from crossfade.schema.settings import RankingSettings
from crossfade.schema.tasks import DISCOVERY, TASKS, Task

try:
    import lightgbm
except ImportError as error:
    raise MissingExtraError("lightgbm", "train") from error

MODEL: Final = "model.txt"
# Without enough users to hold some out, a fixed number of trees is grown.
FEW_TREES: Final = 50
PATIENCE: Final = 30  # trees without better NDCG
# Pairs within the first 50 places teach; order beyond hardly changes a slate of 30.
TRUNCATION: Final = 50
FEATURE_SHARE: Final = 0.4  # of the features that each tree may use: trees differ, and err less together
# Little data grows small trees: a leaf may hold this share of the rows when that is less than `min_leaf_rows`, and there
# is one leaf for so many wanted candidates, up to `num_leaves`.
MIN_LEAF_SHARE: Final = 0.01
WANTED_PER_LEAF: Final = 100
MIN_LEAVES: Final = 4
# With fewer rows, threads cost more than they bring, most of all where other work wants the cores too: training waits
# for all of them at every split, scoring once.
TRAINING_WORTH_THREADS: Final = 1_000_000
SCORING_WORTH_THREADS: Final = 50_000


class GbdtRanker:
    """Scores candidates by trees over the features of its task.

    After `fit` or `load`: `booster_`, its `masks_`, which score (None where a tree has more than 64 leaves), and
    `best_iteration_`, its number of trees.

    Args:
        settings: Size of the model.
        seed: Of the draw of held-out users and of LightGBM.
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
        Groups of which no candidate is wanted teach nothing and are left out.
        """
        objective = Objective(self.settings.objective)
        rows = Groups(features, labels, group_sizes, user_rows, objective).taught()
        parameters = self._parameters(rows.labels)
        self.best_iteration_ = self._best_iteration(rows, parameters)
        self.booster_ = lightgbm.train(parameters, self._dataset(rows), self.best_iteration_)
        self.masks_ = LeafMasks.of(self.booster_)
        return self

    def _parameters(self, labels: Rows) -> dict[str, Any]:
        """Everything that LightGBM is told; `deterministic` and row-wise histograms make equal data equal bytes."""
        affordable = max(int((labels > 0).sum()) // WANTED_PER_LEAF, MIN_LEAVES)
        return {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [NDCG_AT],
            "label_gain": Objective(self.settings.objective).gains,
            "lambdarank_truncation_level": TRUNCATION,
            "feature_fraction": FEATURE_SHARE,
            "num_leaves": min(self.settings.num_leaves, affordable),
            "learning_rate": self.settings.learning_rate,
            "min_data_in_leaf": max(1, min(self.settings.min_leaf_rows, int(len(labels) * MIN_LEAF_SHARE))),
            "num_threads": 0 if len(labels) >= TRAINING_WORTH_THREADS else 1,  # 0 is one a core
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _best_iteration(self, rows: Groups, parameters: dict[str, Any]) -> int:
        """Return how many trees rank the held-out users best."""
        held_out = rows.held_out(self.seed)
        if held_out is None:
            return min(FEW_TREES, self.settings.num_trees)
        training = self._dataset(rows.where(~held_out))
        watched = self._dataset(rows.where(held_out), training)
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        booster = lightgbm.train(
            parameters, training, self.settings.num_trees, valid_sets=[watched], callbacks=[stop]
        )
        return int(booster.best_iteration)

    def _dataset(self, rows: Groups, reference: lightgbm.Dataset | None = None) -> lightgbm.Dataset:
        """Return groups as LightGBM reads them."""
        return lightgbm.Dataset(
            rows.features,
            rows.labels - np.int32(rows.objective.lowest),  # LightGBM counts grades from 0
            group=rows.group_sizes,
            init_score=prior_of(rows.features, self.task),
            reference=reference,
            feature_name=list(self.task.features),
        )

    def predict(self, features: Floats) -> Floats:
        """Score candidates [..., num_features]; returns [...] float32, higher is better. NaN is a missing value."""
        rows = features.reshape(-1, features.shape[-1])
        if not len(rows):
            return np.zeros(features.shape[:-1], np.float32)
        scores = prior_of(rows, self.task) + self._corrections(rows)
        return np.asarray(scores, np.float32).reshape(features.shape[:-1])

    def _corrections(self, rows: Floats) -> npt.NDArray[np.float64]:
        """Return what trees add to the prior; by LightGBM itself, which gives the same, where masks are too narrow."""
        if self.masks_ is not None:
            return self.masks_.predict(rows)
        threads = 0 if len(rows) >= SCORING_WORTH_THREADS and may_spread() else 1
        return np.asarray(self.booster_.predict(rows, num_threads=threads), np.float64)

    def contributions(self, features: Floats) -> Floats:
        """Split scores into what each feature adds (Lundberg and Lee 2017).

        Args:
            features: [rows, num_features] float32.

        Returns:
            [rows, num_features] float32; a row's sum is its score but for a constant. A source's rank gets its part of
            the prior.
        """
        parts: Floats = np.asarray(self.booster_.predict(features, pred_contrib=True), np.float32)[:, :-1]
        parts[:, rank_places(self.task)] += fused_ranks(features, self.task)
        return parts

    def feature_importance(self) -> dict[str, float]:
        """Return each feature's share of what all splits gained, largest first."""
        gains = self.booster_.feature_importance("gain")
        order = np.argsort(-gains, kind="stable")
        return {self.task.features[place]: float(gains[place] / max(gains.sum(), 1e-12)) for place in order}

    def save(self, directory: Path) -> None:
        """Write LightGBM's `model.txt`, and `ranker.json` with feature names, seed, settings and number of trees."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / MODEL).write_text(self.booster_.model_to_string(), "utf-8")
        about = {
            "model": "gbdt",
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
        try:
            model = (directory / MODEL).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise IntegrityError(f"{directory} is not a saved ranker: {error}") from error
        task = TASKS[about["task"]]
        require_features(directory, about["features"], task)
        loaded = cls(ranking_settings(about), about["seed"], task)
        loaded.best_iteration_ = about["best_iteration"]
        loaded.booster_ = _parsed(model, directory)
        loaded.masks_ = LeafMasks.of(loaded.booster_)
        return loaded


def _parsed(model: str, directory: Path) -> lightgbm.Booster:
    try:
        return lightgbm.Booster(model_str=model)
    except lightgbm.basic.LightGBMError as error:
        raise IntegrityError(f"{directory / MODEL} is not a whole LightGBM model: {error}") from error
