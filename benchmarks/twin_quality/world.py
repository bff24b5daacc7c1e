"""Simulated listeners, a recommender trained on most of them, and the others, of whom it knows nothing."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.quality.data import simulated
from crossfade.evaluation.evaluation import Resampling
from crossfade.evaluation.trained import trained_bundle
from crossfade.evaluation.trial import Trial
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset
from crossfade.recommender.recommend import Recommender
from crossfade.schema.ids import Rows
from crossfade.schema.settings import Settings
from crossfade.twin.spec import TwinSpec

HELD_OUT_SHARE: Final = 1 / 11  # on top of 20,000 listeners
WHOLE: Final = TwinSpec(num_users=22_000, num_tracks=20_000, num_days=60)
QUICK: Final = TwinSpec(num_users=440, num_tracks=1500, num_days=42)


@dataclass(frozen=True)
class World:
    """What figures are measured on.

    Args:
        everybody: All listeners.
        trial: The same without the listening of those held out; models are fitted on this.
        held_out: [u] int32 rows of the listeners that no model knows.
        recommender: Trained on the trial with the settings as they are, up to its test period.
        truth: The test users of the trial.
        directory: Holds the simulation's `twin/`, with the true tastes in `twin/truth/`.
        settings: Of training.
        quick: Whether the world is small and tuning short.
    """

    everybody: Dataset
    trial: Trial
    held_out: Rows
    recommender: Recommender
    truth: Truth
    directory: Path
    settings: Settings
    quick: bool

    @property
    def known(self) -> Dataset:
        """What models may know."""
        return self.trial.judged.until(self.trial.judged.split.test_start)

    @property
    def k(self) -> int:
        """Length of the slates."""
        return self.settings.evaluation.k

    @property
    def resampling(self) -> Resampling:
        """How intervals are drawn."""
        chosen = self.settings.evaluation
        return Resampling(chosen.bootstrap_samples, chosen.confidence, self.settings.seed)


def make_world(directory: Path, settings: Settings, *, quick: bool) -> World:
    """Simulate listeners in an empty directory and train on all but those held out."""
    everybody = simulated(QUICK if quick else WHOLE, directory, settings)
    num_users = len(everybody.users)
    drawn = np.random.default_rng(settings.seed).permutation(num_users)[: round(HELD_OUT_SHARE * num_users)]
    held_out = np.sort(drawn).astype(np.int32)
    trial = Trial.of(without(everybody, held_out))
    recommender = Recommender.load(trained_bundle(trial, directory / "models", settings))
    split = everybody.split
    truth = Truth.of(trial.judged, split.test_start, split.end, settings)
    return World(everybody, trial, held_out, recommender, truth, directory, settings, quick)


def without(dataset: Dataset, user_rows: Rows) -> Dataset:
    """Return a dataset without the listening of some users, who keep their rows."""
    acts = dataset.interactions
    return replace(dataset, interactions=acts.where(~np.isin(acts.user_rows, user_rows)))
