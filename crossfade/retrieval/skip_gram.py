"""Skip-gram with negative sampling (Mikolov et al. 2013) over lists of rows.

Every row has two vectors. For a row c within reach of a row t, the input vector of c is moved so that its product with
the output vector of t grows, and that with the output vectors of random rows falls. What stands near the same rows gets
like input vectors; those that stand near each other get an input like the other's output. The answer is the sum of both
(Levy, Goldberg and Dagan 2015), which neighbours are far better by than by the input alone. One thread learns and NumPy
draws, so that equal seeds give equal bytes; all neighbours of one place share its random rows (Ji et al. 2016).
"""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.retrieval.sentences import Sentences
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import Rows
from crossfade.schema.model_settings import Item2VecSettings

Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# Drawn for at once, at one learning rate: bounds memory to a few bytes times negatives.
TOKENS_PER_BLOCK: Final = 100_000
# Negatives are drawn from a table, as in word2vec: ten times faster than from cumulated shares.
NUM_LOTS: Final = 1 << 20
# The rate falls on a line to this share of its start, as in word2vec.
LAST_RATE: Final = 1e-4


def skip_gram(sentences: Sentences, num_rows: int, settings: Item2VecSettings, seed: int) -> Floats:
    """Learn a vector for every row that shares a sentence with another.

    Args:
        sentences: What stands together; a sentence without order is shuffled anew in every pass, which comes to the
            same as letting all its pairs learn (Barkan and Koenigstein 2016).
        num_rows: Rows are below it.
        settings: Shape and training.
        seed: Of the first vectors and all that is drawn.

    Returns:
        [num_rows, dim] float32 of any length, 0 for a row without company.

    Raises:
        TrainingError: Vectors grew beyond what float32 holds.
    """
    together, random = sentences.of_several(), np.random.default_rng(seed)
    counts = np.bincount(together.rows, minlength=num_rows)
    drawn = random.uniform(-0.5, 0.5, (num_rows, settings.dim)) / settings.dim
    vectors = np.where(counts[:, None] > 0, drawn, 0).astype(np.float32)
    if len(together):
        vectors += _learn_all(vectors, together, counts, settings, random)
    if not np.isfinite(vectors).all():
        raise TrainingError(
            f"item2vec.learning_rate={settings.learning_rate} let vectors grow beyond all bounds; lower it."
        )
    return vectors


def _learn_all(
    inputs: Floats,
    sentences: Sentences,
    counts: Counts,
    settings: Item2VecSettings,
    random: np.random.Generator,
) -> Floats:
    """Make every pass over the sentences, in blocks; change the input vectors in place and return the output vectors."""
    outputs = np.zeros_like(inputs)
    kept, lots = _kept_shares(counts, settings.subsample), _lots(counts, settings.negative_exponent)
    done, total = 0, settings.epochs * len(sentences.rows)
    for _ in range(settings.epochs):
        for block in sentences.shuffled(random).blocks(TOKENS_PER_BLOCK):
            rate = settings.learning_rate * max(1 - done / total, LAST_RATE)
            done += len(block.rows)
            thinned = block.where(random.random(len(block.rows)) < kept[block.rows])
            reaches = random.integers(1, settings.window + 1, len(thinned.rows))
            negatives = lots[random.integers(0, NUM_LOTS, (len(thinned.rows), settings.negatives))]
            _learn(inputs, outputs, thinned.rows, thinned.offsets, reaches, negatives, np.float32(rate))
    return outputs


def _kept_shares(counts: Counts, subsample: float) -> Doubles:
    """Return how likely each place of a row is kept: certain up to `subsample` times the mean count, then less and less."""
    threshold = subsample * counts[counts > 0].mean()
    return np.asarray(np.sqrt(np.minimum(1.0, threshold / np.maximum(counts, 1))))


def _lots(counts: Counts, exponent: float) -> Rows:
    """Return [NUM_LOTS] int32 rows to draw negatives from: as often as their count to a power says."""
    came = np.flatnonzero(counts).astype(np.int32)
    weights = counts[came] ** float(exponent)
    middles = (np.arange(NUM_LOTS) + 0.5) / NUM_LOTS * weights.sum()
    return np.asarray(came[np.searchsorted(np.cumsum(weights), middles)])


# Sums may be reordered, so that they run in vector registers; their order is fixed when this is compiled.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _learn(inputs, outputs, rows, offsets, reaches, negatives, rate):  # type: ignore[no-untyped-def]
    """Take one step of gradient ascent for every pair within reach, in order and in place."""
    moved = np.empty(inputs.shape[1], np.float32)
    for sentence in range(len(offsets) - 1):
        first, end = offsets[sentence], offsets[sentence + 1]
        for place in range(first, end):
            for other in range(max(first, place - reaches[place]), min(end, place + reaches[place] + 1)):
                if rows[other] == rows[place]:
                    continue
                moved[:] = 0
                _pull(inputs, rows[other], outputs, rows[place], np.float32(1), rate, moved)
                for column in range(negatives.shape[1]):
                    if negatives[place, column] != rows[place]:
                        _pull(
                            inputs, rows[other], outputs, negatives[place, column], np.float32(0), rate, moved
                        )
                for factor in range(len(moved)):
                    inputs[rows[other], factor] += moved[factor]


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pull(inputs, row, outputs, target, wanted, rate, moved):  # type: ignore[no-untyped-def]
    """Move an output vector so that its product with an input vector tells `wanted`; add the input's own move to `moved`."""
    total = np.float32(0)
    for factor in range(len(moved)):
        total += inputs[row, factor] * outputs[target, factor]
    step = rate * (wanted - np.float32(1) / (np.float32(1) + np.exp(-total)))
    for factor in range(len(moved)):
        moved[factor] += step * outputs[target, factor]
        outputs[target, factor] += step * inputs[row, factor]
