"""DeepFM as a ranker: factorisation machine and deep network over the same embeddings (Guo et al. 2017)."""

from pathlib import Path
from typing import Final, Self

import numpy as np

from crossfade.features.interactions import Floats, Int64s
from crossfade.ranking.contract import read_about, require_features, write_about
from crossfade.ranking.deepfm_network import WEIGHTS, Bins, score
from crossfade.ranking.groups import Groups
from crossfade.ranking.objective import Objective
from crossfade.ranking.prior import prior_of
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import Rows
from crossfade.schema.model_settings import DeepFmSettings
from crossfade.schema.settings import ObjectiveSettings, default_settings
from crossfade.schema.tasks import DISCOVERY, TASKS, Task

EDGES: Final = "edges"
FEW_EPOCHS: Final = 4  # without enough users to hold some out


class DeepFmRanker:
    """Scores candidates by embeddings of binned features, on top of the prior of the sources.

    After `fit` or `load`: `weights_`, arrays by the names in `deepfm_network.WEIGHTS`, `bins_`, and `best_epoch_`.

    Args:
        settings: Shape and training.
        seed: Of held-out users, initial weights and the order of examples.
        task: What is ranked for.
        objective: What grades are worth; None takes the default. Only fitting reads it.
    """

    def __init__(
        self,
        settings: DeepFmSettings,
        seed: int,
        task: Task = DISCOVERY,
        objective: ObjectiveSettings | None = None,
    ) -> None:
        """Store the arguments."""
        self.objective = objective or default_settings().ranking.objective
        self.settings = settings
        self.seed = seed
        self.task = task

    def fit(self, features: Floats, labels: Rows, group_sizes: Int64s, user_rows: Rows) -> Self:
        """Learn from graded candidates, forgetting any earlier fit; see `Ranker`.

        A fifth of the users is held out to find how many passes rank them best; then all users train so many.
        """
        from crossfade.ranking.deepfm_training import train

        groups = Groups(features, labels, group_sizes, user_rows, Objective(self.objective)).taught()
        self.bins_ = Bins.of(groups.features, self.settings.bins)
        held_out = groups.held_out(self.seed)
        self.best_epoch_ = min(FEW_EPOCHS, self.settings.epochs)
        if held_out is not None:
            _, self.best_epoch_ = train(
                groups.where(~held_out), groups.where(held_out), self.bins_, self.settings,
                task=self.task, seed=self.seed, epochs=self.settings.epochs,
            )  # fmt: skip
        self.weights_, _ = train(
            groups, None, self.bins_, self.settings, task=self.task, seed=self.seed, epochs=self.best_epoch_
        )
        return self

    def predict(self, features: Floats) -> Floats:
        """Score candidates [..., num_features]; returns [...] float32, higher is better. NaN is a missing value."""
        rows = features.reshape(-1, features.shape[-1])
        scores = prior_of(rows, self.task) + score(self.weights_, self.bins_.rows(rows))
        return np.asarray(scores, np.float32).reshape(features.shape[:-1])

    def contributions(self, features: Floats) -> Floats:
        """Return what each score would lose if a feature were missing, [rows, num_features] float32; see `Ranker`."""
        whole, parts = self.predict(features), np.empty(features.shape, np.float32)
        for place in range(features.shape[1]):
            without = features.copy()
            without[:, place] = np.nan
            parts[:, place] = whole - self.predict(without)
        return parts

    def save(self, directory: Path) -> None:
        """Write the weights as `.npy`, and `ranker.json` with feature names, seed, settings and number of epochs."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, values in {**self.weights_, EDGES: self.bins_.edges}.items():
            np.save(directory / f"{name}.npy", values)
        about = {
            "model": "deepfm",
            "task": self.task.name,
            "features": self.task.features,
            "seed": self.seed,
            "settings": self.settings.model_dump(),
            "best_epoch": self.best_epoch_,
        }
        write_about(directory, about)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; see `Ranker`."""
        about = read_about(directory)
        try:
            arrays = {
                name: np.load(directory / f"{name}.npy", allow_pickle=False) for name in (*WEIGHTS, EDGES)
            }
        except (OSError, ValueError, EOFError) as error:
            raise IntegrityError(f"{directory} is not a saved ranker: {error}") from error
        task = TASKS[about["task"]]
        require_features(directory, about["features"], task)
        loaded = cls(DeepFmSettings(**about["settings"]), about["seed"], task)
        loaded.best_epoch_, loaded.bins_ = about["best_epoch"], Bins(arrays.pop(EDGES))
        loaded.weights_ = arrays
        return loaded
