"""Training of the two towers: cold or warm start, epochs, early stopping on recall of unheard tracks."""

import logging
import math
import time
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats, Int64s
from crossfade.retrieval.histories import Histories
from crossfade.retrieval.optimizer import RowwiseAdam
from crossfade.retrieval.tensorflow_setup import tf
from crossfade.retrieval.towers import TRACK_WEIGHTS, TrackTower, UserTower
from crossfade.retrieval.two_tower_batches import batches
from crossfade.retrieval.two_tower_divergence import Diverged
from crossfade.retrieval.two_tower_examples import (
    Examples,
    HardNegatives,
    sampling_probabilities,
    track_features,
)
from crossfade.retrieval.two_tower_learnt import Learnt
from crossfade.retrieval.two_tower_model import TARGETS, USERS, TwoTowerModel
from crossfade.retrieval.two_tower_validation import Validation
from crossfade.retrieval.user_tower import USER_WEIGHTS, user_vectors
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import IdMap
from crossfade.schema.settings import TwoTowerSettings

logger = logging.getLogger(__name__)

# A model that starts from an earlier one has less to learn.
WARM_EPOCHS_SHARE: Final = 0.5
LAST_RATE_SHARE: Final = 0.02
# The country table's first row is that of users whose country is unknown.
UNKNOWN: Final = ""


def train(dataset: Dataset, settings: TwoTowerSettings, seed: int, earlier: Learnt | None = None) -> Learnt:
    """Train both towers on a dataset, starting from earlier ones if there are any; see `TwoTower.fit`."""
    examples = Examples.of(dataset)
    if not len(examples):
        raise TrainingError(
            "The two-tower model needs at least one positive interaction (strength above 0); got 0 among "
            f"{len(dataset.interactions)} interactions. Import listens over lake.positive_ms, or saves."
        )
    tf.keras.utils.set_random_seed(seed)
    training = _Training(dataset, examples, settings, seed)
    epochs = settings.epochs
    if earlier is not None:
        training.take_over(earlier)
        epochs = max(1, int(epochs * WARM_EPOCHS_SHARE))
    history = training.run(epochs)
    vectors = training.model.track_tower.vectors()
    if not np.isfinite(vectors).all():
        raise TrainingError(
            "The two-tower track vectors are not finite after training; lower two_tower.learning_rate, now "
            f"{settings.learning_rate}."
        )
    countries = dataset.users.countries.ids.to_pylist()
    has_time = dataset.split.has_time
    learnt = Learnt(
        training.weights(), vectors, dataset.catalogue, training.features, countries, has_time, history
    )
    if training.diverged is not None:
        raise training.diverged.with_checkpoint(learnt)
    return learnt


class _Training:
    """One run: the model, its examples, and the held-out period that tells when to stop."""

    def __init__(self, dataset: Dataset, examples: Examples, settings: TwoTowerSettings, seed: int) -> None:
        self.dataset, self.examples, self.settings, self.seed = dataset, examples, settings, seed
        self.hard = HardNegatives.of(dataset)
        self.validation = Validation.of(dataset, seed)
        if not len(self.validation.queries):
            logger.warning("Too few users to hold some out: all %d epochs are trained.", settings.epochs)
        known = ~self.validation.holds_out(examples.user_rows, examples.seconds)
        self.chosen = _newest(
            np.flatnonzero(known & (examples.weights > 0)), examples.seconds, settings.max_examples
        )
        self.model = self._model()
        self.diverged: Diverged | None = None

    def _model(self) -> TwoTowerModel:
        settings, catalogue = self.settings, self.dataset.catalogue
        trained = np.bincount(self.examples.track_rows[self.chosen], minlength=len(catalogue)) > 0
        as_of = int(self.dataset.interactions.seconds.max())
        self.features, numbers = track_features(catalogue, as_of, trained)
        tracks = TrackTower(catalogue, numbers, trained, settings=settings, seed=self.seed)
        users = UserTower(settings=settings, num_countries=len(self.dataset.users.countries), seed=self.seed)
        ratio = settings.hard_negatives / settings.batch_size
        targets, negatives = self.examples.track_rows[self.chosen], self.hard.track_rows
        probabilities = sampling_probabilities(targets, negatives, len(catalogue), ratio)
        return TwoTowerModel(tracks, users, temperature=settings.temperature, probabilities=probabilities)

    def take_over(self, earlier: Learnt) -> None:
        """Start from earlier towers: tables row by row of equal id, all else as it is."""
        shape = (self.settings.dim, self.settings.history_length)
        then = (earlier.track_vectors.shape[1], len(earlier.weights["places"]))
        if shape != then:
            raise TrainingError(
                "A warm start needs two_tower.dim and two_tower.history_length of the earlier model, "
                f"{then[0]} and {then[1]}; got {shape[0]} and {shape[1]}. Start cold."
            )
        tracks, users, weights = self.model.track_tower, self.model.user_tower, earlier.weights
        catalogue, known = self.dataset.catalogue, earlier.catalogue
        _copy_rows(tracks.residuals, catalogue.tracks, weights["residuals"], known.tracks)
        _copy_rows(tracks.artists, catalogue.artists, weights["artists"], known.artists)
        _copy_rows(tracks.genres, catalogue.genres, weights["genres"], known.genres)
        _copy_rows(tracks.projection, _ids(self.features), weights["projection"], _ids(earlier.features))
        countries = _ids([UNKNOWN, *self.dataset.users.countries.ids.to_pylist()])
        _copy_rows(users.countries, countries, weights["countries"], _ids([UNKNOWN, *earlier.countries]))
        for name in ("attention", "decays", "repeats", "places", "mixing"):
            getattr(users, name).assign(weights[name])

    def run(self, epochs: int) -> list[dict[str, float | None]]:
        """Train until the epochs or patience end and go back to the best epoch; return the training curve."""
        watch = _Watch(self, epochs)
        examples = batches(self.examples, self.chosen, self.hard, self.settings, seed=self.seed)
        self.model.compile(optimizer=RowwiseAdam(self._learning_rate(epochs)))
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

    def recall(self) -> float | None:
        """Return the recall of unheard tracks in the held-out period, None where there is none."""
        if not len(self.validation.queries):
            return None
        tracks, queries = self.model.track_tower.vectors(), self.validation.queries
        histories = Histories.of(queries, self.settings.history_length, has_time=self.dataset.split.has_time)
        users = user_vectors(self.weights(), tracks, histories, queries.country_rows)
        return self.validation.recall(users, tracks)


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


def _ids(names: list[str]) -> IdMap:
    return IdMap(pa.array(names, pa.string()))


def _copy_rows(table: Any, ids: IdMap, earlier: Floats, earlier_ids: IdMap) -> None:
    """Copy the rows of ids that the earlier table has too."""
    rows = earlier_ids.rows(ids.ids)
    values = table.numpy()
    values[: len(rows)][rows >= 0] = earlier[rows[rows >= 0]]
    table.assign(values)
