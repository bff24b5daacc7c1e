"""How tracks sound: audio features by genre and latent position, audio vectors, durations, fit to moods."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.schema.columns import AUDIO_FEATURES
from crossfade.twin.draws import Floats, Ints
from crossfade.twin.genres import DIM, FAMILIES

VECTOR_WIDTH: Final = 12
# Spread around the family's typical sound, and a feature's range, in the order of `AUDIO_FEATURES`.
_SPREAD: Final = np.array([15.0, 0.15, 2.6, 0.17, 0.12, 0.15, 0.16])
_LEAST: Final = np.array([55.0, 0.01, -40.0, 0.01, 0.05, 0.0, 0.0])
_MOST: Final = np.array([200.0, 0.99, -0.5, 0.98, 0.97, 0.995, 0.97])
_PLACE_SHARE: Final = 0.5  # variance within a family that the place in the space of tastes explains
_ENERGY: Final = AUDIO_FEATURES.index("energy")
# What a mood asks for in units of spread, in the order of `words.MOODS` and `AUDIO_FEATURES`.
_MOODS: Final = np.array(
    [
        (-0.4, -0.8, -0.4, 0.1, 0.0, 0.7, 0.1),  # Chill
        (-0.1, -0.3, -0.2, -0.1, -0.2, 0.1, 1.0),  # Focus
        (0.7, 1.0, 0.5, 0.2, 0.4, -0.5, 0.0),  # Workout
        (0.3, 0.6, 0.4, 0.5, 1.0, -0.5, -0.2),  # Party
        (-0.3, -0.6, -0.3, -1.0, -0.3, 0.4, -0.1),  # Heartbreak
        (0.2, 0.2, 0.2, 1.0, 0.5, 0.0, -0.3),  # Happy
    ]
)


@dataclass(frozen=True)
class Sound:
    """What can be measured in the audio of each track.

    Args:
        features: [num_tracks, 7] float64 in the order of `AUDIO_FEATURES`.
        vectors: [num_tracks, 12] float32 noisy projection of the latent position.
        durations_ms: [num_tracks] int64.
        mood_fit: [num_moods, num_tracks] float32 in -1 to 1: how well a track suits a mood.
    """

    features: npt.NDArray[np.float64]
    vectors: Floats
    durations_ms: npt.NDArray[np.int64]
    mood_fit: Floats

    @property
    def tones(self) -> Ints:
        """[num_tracks] int32 index into `names.TONES`: calm, bright, dark or driving."""
        energy, valence = self.features[:, _ENERGY], self.features[:, AUDIO_FEATURES.index("valence")]
        danceable = self.features[:, AUDIO_FEATURES.index("danceability")] > 0.6
        loud = np.where(valence > 0.55, 1, np.where(danceable, 3, 2))
        return np.where(energy < 0.45, 0, loud).astype(np.int32)


def make_sound(latents: Floats, families: Ints, rng: np.random.Generator) -> Sound:
    """Draw the sound of tracks at latent places [num_tracks, dim] in families [num_tracks]."""
    typical = np.array([family.sound for family in FAMILIES])[families]
    deviations = _deviations(latents, rng)
    features = np.clip(typical + deviations * _SPREAD, _LEAST, _MOST)
    projection = rng.standard_normal((DIM, VECTOR_WIDTH)) / np.sqrt(VECTOR_WIDTH)
    noise = 0.15 * rng.standard_normal((len(latents), VECTOR_WIDTH))
    seconds = np.exp(rng.normal(np.log(215), 0.25, len(latents))) - 25 * deviations[:, _ENERGY]
    return Sound(
        features,
        (latents @ projection + noise).astype(np.float32),
        (np.clip(seconds, 75, 640) * 1000).astype(np.int64),
        _mood_fit(features),
    )


def _deviations(latents: Floats, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return [num_tracks, 7] deviations with unit variance; energetic tracks are loud, not acoustic."""
    count = len(AUDIO_FEATURES)
    placed = latents @ rng.standard_normal((DIM, count))
    noise = rng.standard_normal((len(latents), count))
    deviations = np.sqrt(_PLACE_SHARE) * placed + np.sqrt(1 - _PLACE_SHARE) * noise
    energy = deviations[:, _ENERGY]
    deviations[:, AUDIO_FEATURES.index("loudness_db")] += 0.8 * energy
    deviations[:, AUDIO_FEATURES.index("acousticness")] -= 0.5 * energy
    return np.asarray(deviations)


def _mood_fit(features: npt.NDArray[np.float64]) -> Floats:
    spread = np.maximum(features.std(axis=0), 1e-6)
    standard = (features - features.mean(axis=0)) / spread
    wishes = _MOODS / np.linalg.norm(_MOODS, axis=1, keepdims=True)
    return np.asarray(np.tanh(0.7 * wishes @ standard.T), np.float32)
