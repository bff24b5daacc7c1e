"""The cold paths: ways to tell the vector of a track that nobody has heard from what else is known of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.retrieval.content.attention import attended, learnt_coefficients, unit
from crossfade.retrieval.content.known import Bools, Known
from crossfade.retrieval.content.pairs import SIGNALS, Pairs, artist_pairs, neighbour_pairs
from crossfade.retrieval.content.regression import ridge, waves, word_features
from crossfade.retrieval.content.waveform_path import WaveformPath
from crossfade.retrieval.sparse import Matrix
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows

AUDIO_PENALTY: Final = 10.0
WORDS_PENALTY: Final = 3.0


class ColdPath(Protocol):
    """One way to tell tracks' vectors; frozen, so that fitting gives another."""

    def fit(self, known: Known, tracks: Rows, targets: Floats) -> Self:
        """Learn how to tell hidden tracks [n], whose vectors are targets [n, dim], from known ones."""
        ...

    def refit(self, known: Known) -> Self:
        """Learn from all known tracks what does not need hidden ones."""
        ...

    def vectors(self, known: Known, tracks: Rows) -> Floats:
        """Return [n, dim] float32 of length 1, zeros where the path knows nothing; no track tells its own vector."""
        ...

    def save(self, directory: Path) -> None:
        """Write what was learnt into a directory that exists."""
        ...

    def load(self, directory: Path) -> Self:
        """Read what `save` wrote."""
        ...


@dataclass(frozen=True)
class AttentionPath:
    """Takes a track for the weighted mean of known tracks that it is paired with.

    Args:
        name: In `VECTOR_PATHS`.
        pairing: Finds the known tracks that speak for tracks.
        coefficients: [5] of the pairs' signals.
    """

    name: str
    pairing: Callable[[Known, Rows], Pairs]
    coefficients: npt.NDArray[np.float64]

    def fit(self, known: Known, tracks: Rows, targets: Floats) -> Self:
        """See `ColdPath`."""
        learnt = learnt_coefficients(self.pairing(known, tracks), known.vectors, targets)
        return replace(self, coefficients=learnt)

    def refit(self, known: Known) -> Self:  # noqa: ARG002 (the contract's)
        """Keep the coefficients, which need hidden tracks."""
        return self

    def vectors(self, known: Known, tracks: Rows) -> Floats:
        """See `ColdPath`."""
        return attended(self.pairing(known, tracks), self.coefficients, known.vectors)

    def save(self, directory: Path) -> None:
        """Write the coefficients."""
        np.save(directory / f"{self.name}.npy", self.coefficients)

    def load(self, directory: Path) -> Self:
        """See `ColdPath`."""
        return replace(self, coefficients=np.load(directory / f"{self.name}.npy"))


@dataclass(frozen=True)
class RegressionPath:
    """Projects features of a track.

    Args:
        name: In `VECTOR_PATHS`.
        features: Returns those of tracks [n], [n, num_features], and which have any, [n] bool.
        penalty: Of the ridge regression.
        projection: [num_features, dim] float32.
    """

    name: str
    features: Callable[[Known, Rows], tuple[Matrix | Floats, Bools]]
    penalty: float
    projection: Floats

    def fit(self, known: Known, tracks: Rows, targets: Floats) -> Self:  # noqa: ARG002 (the contract's)
        """Learn from the known tracks alone."""
        return self.refit(known)

    def refit(self, known: Known) -> Self:
        """See `ColdPath`."""
        features, spoken = self.features(known, known.rows)
        return replace(self, projection=ridge(features[spoken], known.vectors[spoken], self.penalty))

    def vectors(self, known: Known, tracks: Rows) -> Floats:
        """Project the features; a known track helped to learn the projection, but one among thousands."""
        features, spoken = self.features(known, tracks)
        return unit(np.asarray(features @ self.projection) * spoken[:, None])

    def save(self, directory: Path) -> None:
        """Write the projection."""
        np.save(directory / f"{self.name}.npy", self.projection)

    def load(self, directory: Path) -> Self:
        """See `ColdPath`."""
        return replace(self, projection=np.load(directory / f"{self.name}.npy"))


def _audio_features(known: Known, tracks: Rows) -> tuple[Floats, Bools]:
    numbers = known.audio[tracks]
    return waves(numbers), np.asarray(numbers.any(axis=1))


def _word_features(known: Known, tracks: Rows) -> tuple[Matrix, Bools]:
    tokens = known.tokens[tracks]
    return word_features(tokens), np.asarray((tokens >= 0).any(axis=1))


_UNLEARNT: Final = np.zeros((0, 0), np.float32)
_ANY: Final = np.zeros(len(SIGNALS))
# Unfitted, by their names.
COLD_PATHS: Final = MappingProxyType[str, ColdPath](
    {
        c.ARTIST_CATALOGUE: AttentionPath(c.ARTIST_CATALOGUE, artist_pairs, _ANY),
        c.NEIGHBOURS: AttentionPath(c.NEIGHBOURS, neighbour_pairs, _ANY),
        c.AUDIO: RegressionPath(c.AUDIO, _audio_features, AUDIO_PENALTY, _UNLEARNT),
        c.WORDS: RegressionPath(c.WORDS, _word_features, WORDS_PENALTY, _UNLEARNT),
        c.WAVEFORM: WaveformPath(),
    }
)


def paths_with(audio_folder: str, seed: int) -> Mapping[str, ColdPath]:
    """Return the unfitted paths; the one that listens to audio files only where there is a folder of them."""
    if audio_folder:
        return {**COLD_PATHS, c.WAVEFORM: WaveformPath(Path(audio_folder), seed)}
    return {name: path for name, path in COLD_PATHS.items() if name != c.WAVEFORM}
