"""Adam that touches only the rows of an embedding table that a batch has read."""

from collections.abc import Sequence
from typing import Any

from crossfade.retrieval.tensorflow_setup import tf


class RowwiseAdam(tf.keras.optimizers.Adam):  # type: ignore[misc]
    """Adam (Kingma and Ba, 2015); sparse gradients update moments and weights of their own rows only.

    Keras' Adam decays the moments of the whole table at every step, which dominates training once tables are
    larger than batches. Here a row that a batch did not read keeps moments and weights; the bias correction
    counts all steps. Dense gradients are treated as Keras does. The base class saves us slots, deduplication
    of rows and Keras' contract.

    Args:
        learning_rate: A number or a schedule.
        weights: What will be trained. Its moments are made here: TensorFlow traces a step twice where the first
            call makes variables.
    """

    def __init__(self, learning_rate: Any, weights: Sequence[Any], name: str = "RowwiseAdam") -> None:
        super().__init__(learning_rate=learning_rate, jit_compile=False, name=name)
        self.build(weights)

    def update_step(self, gradient: Any, variable: Any) -> None:
        """Apply one gradient; rows of `IndexedSlices` are distinct, the base class sees to it."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        place = self._index_dict[self._var_key(variable)]
        first, second = self._momentums[place], self._velocities[place]
        step = tf.cast(self.iterations + 1, variable.dtype)
        corrected = self.learning_rate * tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        rows, slope = gradient.indices, gradient.values
        mean = tf.gather(first, rows) * self.beta_1 + slope * (1 - self.beta_1)
        square = tf.gather(second, rows) * self.beta_2 + tf.square(slope) * (1 - self.beta_2)
        first.scatter_update(tf.IndexedSlices(mean, rows))
        second.scatter_update(tf.IndexedSlices(square, rows))
        variable.scatter_sub(tf.IndexedSlices(corrected * mean / (tf.sqrt(square) + self.epsilon), rows))
