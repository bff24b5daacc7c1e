"""Gradient-boosted trees that rank candidates: LambdaMART (Burges 2010) by LightGBM.

The trees correct a prior, reciprocal rank fusion of the sources (Cormack, Clarke and Büttcher 2009): where there is little
to learn from, order falls back to what the sources agree on. On 30Music this is worth a tenth of recall and NDCG.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Int64s
from crossfade.ranking.objective import Objective
from crossfade.schema.columns import RANKING_FEATURES, RETRIEVAL_SOURCES
from crossfade.schema.errors import IntegrityError, MissingExtraError, TrainingError
from crossfade.schema.ids import Rows
from crossfade.schema.settings import RankingSettings

try:
    import lightgbm
except ImportError as error:
    raise MissingExtraError("lightgbm", "train") from error

MODEL: Final = "model.txt"
ABOUT: Final = "ranker.json"
HELD_OUT_SHARE: Final = 0.2  # of the users, for early stopping
MIN_HELD_OUT_USERS: Final = 10  # with fewer, their NDCG is noise, and a fixed number of trees is grown
FEW_TREES: Final = 50
PATIENCE: Final = 30  # trees without better NDCG
NDCG_AT: Final = 30
# Pairs within the first 50 places teach; order beyond hardly changes a slate of 30.
TRUNCATION: Final = 50
# A rank r gives a prior of 1.5 x 60 / (60 + r): the constant of its authors, and a weight that leaves 20 to 40 trees to
# grow; weights of 1 to 2 are equally good on 30Music, 5 is too stubborn.
FUSION: Final = 60.0
PRIOR_WEIGHT: Final = 1.5
RANK_FEATURES: Final = [RANKING_FEATURES.index(f"{source}_rank") for source in RETRIEVAL_SOURCES]
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
    """Scores candidates by trees over `RANKING_FEATURES`.

    After `fit` or `load`: `booster_`, and `best_iteration_`, its number of trees.

    Args:
        settings: Size of the model.
        seed: Of the draw of held-out users and of LightGBM.
    """

    def __init__(self, settings: RankingSettings, seed: int) -> None:
        """Store the arguments."""
        self.settings = settings
        self.seed = seed

    def fit(self, features: Floats, labels: Rows, group_sizes: Int64s, user_rows: Rows) -> Self:
        """Learn from graded candidates, forgetting any earlier fit; see `Ranker`.

        A fifth of the users is held out to find how many trees rank them best; then all users grow so many.
        Groups of which no candidate is wanted teach nothing and are left out.
        """
        groups = np.repeat(np.arange(len(group_sizes)), group_sizes)
        taught = np.bincount(groups, labels > 0, len(group_sizes)) > 0
        if not taught.any():
            raise TrainingError(
                f"The ranker needs candidates that their users went on to want, and found none among {len(labels)} "
                f"candidates of {len(group_sizes)} queries; lengthen split.validation_days or raise sources.candidates."
            )
        kept = taught[groups]
        # LightGBM counts grades from 0.
        lowest = np.int32(self._objective.grades_skips)
        rows = _Rows(features[kept], labels[kept] + lowest, group_sizes[taught], user_rows[taught])
        parameters = self._parameters(labels[kept])
        self.best_iteration_ = self._best_iteration(rows, parameters)
        self.booster_ = lightgbm.train(parameters, rows.dataset(), self.best_iteration_)
        return self

    @property
    def _objective(self) -> Objective:
        return Objective(self.settings.objective)

    def _parameters(self, labels: Rows) -> dict[str, Any]:
        """Everything that LightGBM is told; `deterministic` and row-wise histograms make equal data equal bytes."""
        affordable = max(int((labels > 0).sum()) // WANTED_PER_LEAF, MIN_LEAVES)
        return {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [NDCG_AT],
            "label_gain": self._objective.gains,
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

    def _best_iteration(self, rows: "_Rows", parameters: dict[str, Any]) -> int:
        """Return how many trees rank the held-out users best."""
        users = np.unique(rows.user_rows)
        num_held_out = int(len(users) * HELD_OUT_SHARE)
        if num_held_out < MIN_HELD_OUT_USERS:
            return min(FEW_TREES, self.settings.num_trees)
        held_out = np.random.default_rng(self.seed).permutation(users)[:num_held_out]
        is_held_out = np.isin(rows.user_rows, held_out)
        training = rows.where(~is_held_out).dataset()
        watched = rows.where(is_held_out).dataset(training)
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        booster = lightgbm.train(
            parameters, training, self.settings.num_trees, valid_sets=[watched], callbacks=[stop]
        )
        return int(booster.best_iteration)

    def predict(self, features: Floats) -> Floats:
        """Score candidates [..., num_features]; returns [...] float32, higher is better. NaN is a missing value."""
        rows = features.reshape(-1, features.shape[-1])
        if not len(rows):
            return np.zeros(features.shape[:-1], np.float32)
        threads = 0 if len(rows) >= SCORING_WORTH_THREADS else 1
        scores = fused_ranks(rows).sum(axis=1) + self.booster_.predict(rows, num_threads=threads)
        return np.asarray(scores, np.float32).reshape(features.shape[:-1])

    def contributions(self, features: Floats) -> Floats:
        """Split scores into what each feature adds (Lundberg and Lee 2017).

        Args:
            features: [rows, num_features] float32.

        Returns:
            [rows, num_features] float32; a row's sum is its score but for a constant. A source's rank gets its part of
            the prior.
        """
        parts: Floats = np.asarray(self.booster_.predict(features, pred_contrib=True), np.float32)[:, :-1]
        parts[:, RANK_FEATURES] += fused_ranks(features)
        return parts

    def feature_importance(self) -> dict[str, float]:
        """Return each feature's share of what all splits gained, largest first."""
        gains = self.booster_.feature_importance("gain")
        order = np.argsort(-gains, kind="stable")
        return {RANKING_FEATURES[place]: float(gains[place] / max(gains.sum(), 1e-12)) for place in order}

    def save(self, directory: Path) -> None:
        """Write LightGBM's `model.txt`, and `ranker.json` with feature names, seed, settings and number of trees."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / MODEL).write_text(self.booster_.model_to_string(), "utf-8")
        about = {
            "features": RANKING_FEATURES,
            "seed": self.seed,
            "settings": self.settings.model_dump(),
            "best_iteration": self.best_iteration_,
        }
        (directory / ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; see `Ranker`."""
        try:
            about = json.loads((directory / ABOUT).read_text("utf-8"))
            model = (directory / MODEL).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise IntegrityError(f"{directory} is not a saved ranker: {error}") from error
        _require_features(directory, about["features"])
        loaded = cls(RankingSettings.model_validate(about["settings"]), about["seed"])
        loaded.best_iteration_ = about["best_iteration"]
        loaded.booster_ = _parsed(model, directory)
        return loaded


def fused_ranks(features: Floats) -> Floats:
    """Return what each source's rank adds to the prior: [rows, num_sources] float32, 0 where it did not return the track."""
    priors = PRIOR_WEIGHT * FUSION / (FUSION + features[:, RANK_FEATURES])
    return np.asarray(np.nan_to_num(priors), np.float32)


def _require_features(directory: Path, names: list[str]) -> None:
    if tuple(names) == RANKING_FEATURES:
        return
    unknown = sorted(set(names) ^ set(RANKING_FEATURES)) or ["the order"]
    raise IntegrityError(
        f"The ranker in {directory} was trained on {len(names)} features, this version computes "
        f"{len(RANKING_FEATURES)}; they differ in {', '.join(unknown)}. Train it again."
    )


def _parsed(model: str, directory: Path) -> lightgbm.Booster:
    try:
        return lightgbm.Booster(model_str=model)
    except lightgbm.basic.LightGBMError as error:
        raise IntegrityError(f"{directory / MODEL} is not a whole LightGBM model: {error}") from error


@dataclass(frozen=True)
class _Rows:
    """Groups of graded candidates, as `fit` takes them."""

    features: Floats
    labels: Rows
    group_sizes: Int64s
    user_rows: Rows

    def where(self, groups: npt.NDArray[np.bool_]) -> "_Rows":
        """Return the groups selected by a [groups] bool mask."""
        rows = np.repeat(groups, self.group_sizes)
        return _Rows(self.features[rows], self.labels[rows], self.group_sizes[groups], self.user_rows[groups])

    def dataset(self, reference: lightgbm.Dataset | None = None) -> lightgbm.Dataset:
        """Return the groups as LightGBM reads them."""
        return lightgbm.Dataset(
            self.features,
            self.labels,
            group=self.group_sizes,
            init_score=fused_ranks(self.features).sum(axis=1),
            reference=reference,
            feature_name=list(RANKING_FEATURES),
        )
