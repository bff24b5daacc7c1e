"""The two-tower model of TensorFlow Recommenders: both towers under one in-batch softmax."""

from typing import Any, Final

from crossfade.features.interactions import Floats
from crossfade.retrieval.tensorflow_setup import tf, tfrs
from crossfade.retrieval.towers import TrackTower, UserTower
from crossfade.retrieval.two_tower_batches import Batch

USERS: Final = "users"
TARGETS: Final = "targets"


class TwoTowerModel(tfrs.Model):  # type: ignore[misc]
    """Both towers and the retrieval task of TensorFlow Recommenders.

    The loss is the softmax over a batch's targets and hard negatives with logQ correction (Yi et al., 2019).
    Candidates that equal the row's target, and targets of the same user elsewhere in the batch, are no
    negatives.

    Args:
        track_tower: From track rows to vectors.
        user_tower: From histories to vectors.
        temperature: Of the softmax.
        probabilities: [num_tracks] float32 from `sampling_probabilities`.
    """

    def __init__(
        self, track_tower: TrackTower, user_tower: UserTower, *, temperature: float, probabilities: Floats
    ) -> None:
        super().__init__()
        self.track_tower, self.user_tower = track_tower, user_tower
        self.task = tfrs.tasks.Retrieval(temperature=temperature, remove_accidental_hits=True)
        self.probabilities = tf.constant(probabilities)
        self.mean_loss = tf.keras.metrics.Mean("mean_loss")

    def train_step(self, inputs: Batch) -> dict[str, Any]:
        """Take one step; besides the metrics, return users and targets, so that a batch that breaks training can be told."""
        metrics: dict[str, Any] = super().train_step(inputs)
        return metrics | {USERS: inputs["user"], TARGETS: inputs["target"]}

    def compute_loss(self, inputs: Batch, training: bool = False) -> Any:
        """Return the weighted mean loss of a batch from `batches`."""
        users, tracks, candidates = self.vectors(inputs, training=training)
        num_targets, num_negatives = tf.shape(inputs["target"])[0], tf.shape(inputs["negatives"])[0]
        same_user = tf.equal(inputs["user"][:, None], inputs["user"][None, :])
        rivals = tf.logical_or(tf.logical_not(same_user), tf.eye(num_targets, dtype=tf.bool))
        total = self.task(
            users,
            tracks,
            sample_weight=inputs["weight"],
            candidate_sampling_probability=tf.gather(self.probabilities, candidates),
            candidate_ids=candidates,
            score_mask=tf.concat([rivals, tf.ones([num_targets, num_negatives], tf.bool)], axis=1),
            compute_metrics=False,
        )
        weight = tf.maximum(tf.reduce_sum(inputs["weight"]), 1e-6)
        self.mean_loss.update_state(total / weight, weight)
        return total / weight

    def vectors(self, inputs: Batch, *, training: bool) -> tuple[Any, Any, Any]:
        """Return user vectors [n, dim], candidate vectors [n + num_negatives, dim] and candidate rows.

        Every distinct track of a batch passes the track tower once, however many histories hold it.
        """
        history = inputs["history"]
        candidates = tf.concat([inputs["target"], inputs["negatives"]], axis=0)
        entries = tf.reshape(tf.maximum(history, 0), [-1])
        distinct, places = tf.unique(tf.concat([entries, candidates], axis=0))
        vectors = self.track_tower(distinct, training=training)
        played, offered = tf.split(places, [tf.size(entries), tf.size(candidates)])
        played = tf.reshape(played, tf.shape(history))
        users = self.user_tower(vectors, played, inputs, training=training)
        return users, tf.gather(vectors, offered), candidates
