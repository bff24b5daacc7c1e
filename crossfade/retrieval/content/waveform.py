"""A convolutional network on mel spectrograms that predicts collaborative vectors (van den Oord et al., 2013)."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from crossfade.features.interactions import Floats
from crossfade.retrieval.content.clips import LENGTH, NETWORK, RATE
from crossfade.retrieval.tensorflow_setup import tf

MELS: Final = 48
FRAME: Final = 512  # 64 ms, a power of 2
HOP: Final = 256
LOWEST_HZ: Final = 40.0
FILTERS: Final = (32, 64)
EPOCHS: Final = 30
BATCH: Final = 32
LEARNING_RATE: Final = 2e-3
CLIPS_AT_ONCE: Final = 256


def mel_spectrograms(clips: Floats) -> Floats:
    """Return log mel spectrograms [n, frames, 48] float32 of clips [n, 40,000] float32."""
    to_mel = tf.signal.linear_to_mel_weight_matrix(MELS, FRAME // 2 + 1, RATE, LOWEST_HZ, RATE / 2)
    parts = [
        tf.math.log1p(
            1000 * tf.abs(tf.signal.stft(clips[i : i + CLIPS_AT_ONCE], FRAME, HOP)) @ to_mel
        ).numpy()
        for i in range(0, len(clips), CLIPS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.empty((0, 1 + (LENGTH - FRAME) // HOP, MELS), np.float32)


def train_network(spectrograms: Floats, targets: Floats, seed: int) -> Any:
    """Train a network from spectrograms [n, frames, 48] to unit vectors [n, dim] by cosine."""
    tf.keras.utils.set_random_seed(seed)
    network = _network(spectrograms.shape[1:], targets.shape[1])
    network.layers[1].adapt(spectrograms)
    network.compile(
        optimizer=tf.keras.optimizers.Adam(LEARNING_RATE), loss=tf.keras.losses.CosineSimilarity()
    )
    network.fit(spectrograms, targets, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return network


def save_network(network: Any, directory: Path) -> None:
    """Write weights and shapes as `waveform.npz`; no pickle."""
    shapes = np.array([*network.input_shape[1:], network.output_shape[1]])
    np.savez(directory / NETWORK, *network.get_weights(), shapes=shapes)


def load_network(directory: Path) -> Any:
    """Read what `save_network` wrote."""
    with np.load(directory / NETWORK) as kept:
        *frame, dim = kept["shapes"].tolist()
        network = _network(tuple(frame), dim)
        network.set_weights([kept[f"arr_{place}"] for place in range(len(kept.files) - 1)])
    return network


def _network(frame: tuple[int, ...], dim: int) -> Any:
    """Two convolutions over time, and the mean and the maximum over what they hear, as in the paper."""
    layers = tf.keras.layers
    heard = spectrogram = layers.Input(frame)
    heard = layers.Normalization()(heard)
    for filters in FILTERS:
        heard = layers.MaxPool1D(2)(layers.Conv1D(filters, 4, activation="relu")(heard))
    pooled = layers.Concatenate()([layers.GlobalAveragePooling1D()(heard), layers.GlobalMaxPool1D()(heard)])
    return tf.keras.Model(spectrogram, layers.Dense(dim)(pooled))
