"""Batches of training examples by tf.data: shuffled places, then histories gathered a batch at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np

from crossfade.features.interactions import SECONDS_PER_DAY, Int64s
from crossfade.retrieval.histories import last_distinct
from crossfade.retrieval.tensorflow_setup import tf
from crossfade.retrieval.two_tower_examples import Examples, HardNegatives
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.settings import TwoTowerSettings

Batch = dict[str, Any]


def batches(
    examples: Examples,
    chosen: Int64s,
    hard: HardNegatives,
    settings: TwoTowerSettings,
    *,
    user_buckets: Rows,
    seed: int,
) -> Any:
    """Return a tf.data pipeline of one pass, in another order each time that it is iterated.

    Args:
        examples: All examples; histories are gathered from them.
        chosen: [n] int64 places of the examples to train on.
        hard: Each of the first `hard_negatives` examples of a batch brings a track that its user skipped
            early (anyone, where that user skipped none).
        settings: Batch size, history length and number of hard negatives.
        user_buckets: [num_users] int32 row of each user in the table of users; empty where users have none.
        seed: Of order and draws.

    Returns:
        Batches with `user`, `target`, `country`, `user_bucket` [b] int32, `traits` [b, 6] int32, `weight` [b] float32,
        `history` [b, length] int32 (distinct, most recent first, -1 padded), `ages` [b, length] float32 days, `plays`
        [b, length] float32 and `negatives` [at most hard_negatives] int32.
    """
    gather = _gatherer(examples, chosen, user_buckets, settings.history_length)
    draw = _drawer(hard, settings.hard_negatives, seed)

    def batch(number: Any, places: Any) -> Batch:
        columns = gather(places)
        return columns | {"negatives": draw(number, columns["user"])}

    order = tf.data.Dataset.range(len(chosen)).shuffle(len(chosen), seed=seed)
    return order.batch(settings.batch_size).enumerate().map(batch, num_parallel_calls=2).prefetch(2)


def _gatherer(examples: Examples, chosen: Int64s, user_buckets: Rows, length: int) -> Callable[[Any], Batch]:
    found, counts = last_distinct(examples.track_rows, examples.starts[chosen], examples.ends[chosen], length)
    histories, plays = tf.constant(found), tf.constant(counts)
    tracks, seconds = tf.constant(examples.track_rows), tf.constant(examples.seconds)
    users, countries = tf.constant(examples.user_rows), tf.constant(examples.country_rows)
    weights, numbers = tf.constant(examples.weights), tf.constant(chosen)
    buckets = (
        user_buckets[examples.user_rows] if len(user_buckets) else np.full(len(examples), NO_ROW, np.int32)
    )
    traits, buckets = tf.constant(examples.traits), tf.constant(buckets)

    def gather(order: Any) -> Batch:
        places, entries = tf.gather(numbers, order), tf.gather(histories, order)
        known, entries = entries >= 0, tf.maximum(entries, 0)
        ages = tf.cast(tf.gather(seconds, places)[:, None] - tf.gather(seconds, entries), tf.float32)
        return {
            "user": tf.gather(users, places),
            "target": tf.gather(tracks, places),
            "country": tf.gather(countries, places),
            "traits": tf.cast(tf.gather(traits, places), tf.int32),
            "user_bucket": tf.gather(buckets, places),
            "weight": tf.gather(weights, places),
            "history": tf.where(known, tf.gather(tracks, entries), -1),
            "ages": tf.where(known, ages / SECONDS_PER_DAY, 0.0),
            "plays": tf.cast(tf.gather(plays, order), tf.float32),
        }

    return gather


def _drawer(hard: HardNegatives, most: int, seed: int) -> Callable[[Any, Any], Any]:
    if most == 0 or len(hard.track_rows) == 0:
        return lambda _number, _users: tf.zeros([0], tf.int32)
    offsets, tracks = tf.constant(hard.offsets), tf.constant(hard.track_rows)

    def draw(number: Any, users: Any) -> Any:
        owners = users[:most]
        first = tf.gather(offsets, owners)
        count = tf.gather(offsets, owners + 1) - first
        keys = tf.stack([tf.constant(seed, tf.int64), number])
        numbers = tf.random.stateless_uniform(tf.shape(owners), keys, 0, 2**62, tf.int64)
        own = first + numbers % tf.maximum(count, 1)
        return tf.gather(tracks, tf.where(count > 0, own, numbers % len(hard.track_rows)))

    return draw
