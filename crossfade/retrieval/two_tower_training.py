"""Training of the two towers: cold or warm start, epochs, early stopping on recall of unheard tracks."""

import logging
import math
import time
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats, Int64s
from crossfade.retrieval.optimizer import RowwiseAdam
from crossfade.retrieval.tensorflow_setup import tf
from crossfade.retrieval.towers import TRACK_WEIGHTS, TrackTower, UserTower
from crossfade.retrieval.two_tower_batches import batches
from crossfade.retrieval.two_tower_divergence import Diverged
from crossfade.retrieval.two_tower_examples import (
    Examples,
    HardNegatives,
    sampling_probabilities,
)
from crossfade.retrieval.two_tower_inputs import TrackInputs, user_buckets
from crossfade.retrieval.two_tower_learnt import Learnt
from crossfade.retrieval.two_tower_model import TARGETS, USERS, TwoTowerModel
from crossfade.retrieval.two_tower_validation import Validation
from crossfade.retrieval.two_tower_warm_start import take_over
from crossfade.retrieval.user_tower import USER_WEIGHTS, UserInputs, user_vectors
from crossfade.schema.errors import TrainingError
from crossfade.schema.model_settings import InputModels, TwoTowerSettings

logger = logging.getLogger(__name__)

# A model that starts from an earlier one has less to learn.
WARM_EPOCHS_SHARE: Final = 0.5
LAST_RATE_SHARE: Final = 0.02


def train(
    dataset: Dataset,
    settings: TwoTowerSettings,
    seed: int,
    earlier: Learnt | None = None,
    *,
    models: InputModels,
) -> Learnt:
    """Train both towers on a dataset, starting from earlier ones if there are any; see `TwoTower.fit`."""
    examples = Examples.of(dataset)
    if not len(examples):
        raise TrainingError(
            "The two-tower model needs at least one positive interaction (strength above 0); got 0 among "
            f"{len(dataset.interactions)} interactions. Import listens over lake.positive_ms, or saves."
        )
    tf.keras.utils.set_random_seed(seed)
    training = _Training(dataset, examples, settings, seed, models=models)
    epochs = settings.epochs
    if earlier is not None:
        names, buckets = training.inputs.feature_names, settings.artist_buckets
        take_over(training.model, earlier, dataset, names, artist_buckets=buckets)
        epochs = max(1, int(epochs * WARM_EPOCHS_SHARE))
    history = training.run(epochs)
    vectors = training.model.track_tower.vectors()
    if not np.isfinite(vectors).all():
        raise TrainingError(
            "The two-tower track vectors are not finite after training; lower two_tower.learning_rate, now "
            f"{settings.learning_rate}."
        )
    learnt = Learnt(
        training.weights(),
        vectors,
        dataset.catalogue,
        features=training.inputs.feature_names,
        countries=dataset.users.countries.ids.to_pylist(),
        traits=dataset.traits.ids.to_pylist(),
        user_buckets=training.user_buckets,
        has_time=dataset.split.has_time,
        history=history,
        hashed=training.hashed,
        heard=training.heard,
    )
    if training.diverged is not None:
        raise training.diverged.with_checkpoint(learnt)
    return learnt


class _Training:
    """One run: the model, its examples, and the held-out period that tells when to stop."""

    def __init__(
        self,
        dataset: Dataset,
        examples: Examples,
        settings: TwoTowerSettings,
        seed: int,
        *,
        models: InputModels,
    ) -> None:
        self.dataset, self.examples, self.settings, self.seed = dataset, examples, settings, seed
        self.models = models
        self.hard = HardNegatives.of(dataset)
        self.validation = Validation.of(dataset, seed)
        if not len(self.validation.queries):
            logger.warning("Too few users to hold some out: all %d epochs are trained.", settings.epochs)
        self.user_buckets = user_buckets(dataset.users, settings)
        known = ~self.validation.holds_out(examples.user_rows, examples.seconds)
        self.chosen = _newest(
            np.flatnonzero(known & (examples.weights > 0)), examples.seconds, settings.max_examples
        )
        self.model = self._model()
        self.diverged: Diverged | None = None

    def _model(self) -> TwoTowerModel:
        settings, catalogue = self.settings, self.dataset.catalogue
        trained = np.bincount(self.examples.track_rows[self.chosen], minlength=len(catalogue)) > 0
        acts = self.dataset.interactions
        # What is held out may not come back as part of other models' vectors.
        known = replace(
            self.dataset, interactions=acts.where(~self.validation.holds_out(acts.user_rows, acts.seconds))
        )
        self.inputs = TrackInputs.of(known, settings, trained, models=self.models, seed=self.seed)
        tracks = TrackTower(self.inputs, settings=settings, seed=self.seed)
        countries, traits = len(self.dataset.users.countries), len(self.dataset.traits)
        users = UserTower(settings=settings, num_countries=countries, num_traits=traits, seed=self.seed)
        ratio = settings.hard_negatives / settings.batch_size
        targets, negatives = self.examples.track_rows[self.chosen], self.hard.track_rows
        probabilities = sampling_probabilities(targets, negatives, len(catalogue), ratio)
        return TwoTowerModel(tracks, users, temperature=settings.temperature, probabilities=probabilities)

    def run(self, epochs: int) -> list[dict[str, float | None]]:
        """Train until the epochs or patience end and go back to the best epoch; return the training curve."""
        watch = _Watch(self, epochs)
        examples = batches(
            self.examples,
            self.chosen,
            self.hard,
            self.settings,
            user_buckets=self.user_buckets,
            seed=self.seed,
        )
        rate = self._learning_rate(epochs)
        self.model.compile(optimizer=RowwiseAdam(rate, self.model.trainable_variables))
        try:
            self.model.fit(examples, epochs=epochs, callbacks=[watch], verbose=0)
        except Diverged as diverged:
            if watch.best_weights is None:
                raise diverged.with_checkpoint(None) from None
            self.diverged = diverged
        if watch.best_weights is not None:
            self.model.set_weights(watch.best_weights)
        return watch.history[: watch.best_epoch + 1] if self.diverged else watch.history

    def _learning_rate(self, epochs: int) -> Any:
        """Return the rate, falling on a line to nearly nothing: worth more recall than any constant rate."""
        first, steps = (
            self.settings.learning_rate,
            epochs * math.ceil(len(self.chosen) / self.settings.batch_size),
        )
        return tf.keras.optimizers.schedules.PolynomialDecay(first, steps, first * LAST_RATE_SHARE)

    def weights(self) -> dict[str, Floats]:
        """Return both towers' weights by name."""
        tracks = {name: getattr(self.model.track_tower, name).numpy() for name in TRACK_WEIGHTS}
        return tracks | {name: getattr(self.model.user_tower, name).numpy() for name in USER_WEIGHTS}

    @property
    def hashed(self) -> list[str]:
        """Names of the tables whose rows ids share."""
        buckets = {"residuals": self.settings.track_buckets, "artists": self.settings.artist_buckets}
        return [name for name, count in buckets.items() if count]

    @property
    def heard(self) -> npt.NDArray[np.bool_] | None:
        """[num_tracks] bool: tracks whose rows speak for them, where tracks share rows."""
        rows = self.model.track_tower.own_rows
        return None if rows is None else np.asarray(rows.numpy()[:, 0] >= 0)

    def recall(self) -> float | None:
        """Return the recall of unheard tracks in the held-out period, None where there is none."""
        if not len(self.validation.queries):
            return None
        tracks, queries = self.model.track_tower.vectors(), self.validation.queries
        length, has_time = self.settings.history_length, self.dataset.split.has_time
        inputs = UserInputs.of(queries, length, self.user_buckets, has_time=has_time)
        return self.validation.recall(user_vectors(self.weights(), tracks, inputs), tracks)


class _Watch(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Writes the training curve, remembers the best epoch, stops without patience or a finite loss.

    Where no recall tells which epoch is best, it is the last one whose weights are finite.
    """

    def __init__(self, training: _Training, epochs: int) -> None:
        super().__init__()
        self.training, self.epochs = training, epochs
        self.history: list[dict[str, float | None]] = []
        self.best_recall, self.best_epoch = -1.0, 0
        self.best_weights: list[npt.NDArray[np.float32]] | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self.epoch, self.began = epoch + 1, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        if not math.isfinite(logs["loss"]):
            raise Diverged(self.epoch, batch + 1, float(logs["loss"]), logs[USERS], logs[TARGETS])

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        seconds = time.perf_counter() - self.began
        recall = self.training.recall()
        self.history.append(
            {
                "epoch": epoch + 1,
                "loss": float(logs["mean_loss"]),
                "validation_recall": recall,
                "seconds": seconds,
                "examples_per_second": len(self.training.chosen) / seconds,
            }
        )
        logger.info("Two-tower epoch %d of %d: %s.", epoch + 1, self.epochs, self.history[-1])
        if recall is None or recall > self.best_recall:
            self._keep(epoch, -1.0 if recall is None else recall)
        elif epoch - self.best_epoch >= self.training.settings.patience:
            self.model.stop_training = True

    def _keep(self, epoch: int, recall: float) -> None:
        weights = self.model.get_weights()
        if all(np.isfinite(values).all() for values in weights):
            self.best_recall, self.best_epoch, self.best_weights = recall, epoch, weights
        else:
            logger.warning(
                "The two-tower weights are not finite after epoch %d; they are not kept.", epoch + 1
            )


def _newest(places: Int64s, seconds: Int64s, most: int) -> Int64s:
    """Return at most `most` of the places, those of the newest examples, in order."""
    newest = np.argsort(-seconds[places], kind="stable")[:most]
    return np.sort(places[newest])
