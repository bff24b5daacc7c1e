"""The waveform path: what a track sounds like, from its audio file, by a network that training's vectors have taught."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from crossfade.features.interactions import Floats
from crossfade.retrieval.content.attention import unit
from crossfade.retrieval.content.clips import files_of, read_clip
from crossfade.retrieval.content.known import Known
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows

logger = logging.getLogger(__name__)

FEWEST_CLIPS: Final = 50  # fewer teach a network nothing
# Those of the most played tracks; their spectrograms take 600 MB.
MOST_CLIPS: Final = 20_000


@dataclass(frozen=True)
class WaveformPath:
    """Predicts vectors from mel spectrograms; see `waveform`.

    Args:
        folder: Of audio files named by track id; None where there are none, then the path says nothing.
        seed: Of the network.
        network: Trained, or the directory that holds it: it is loaded when it is first asked, since that needs TensorFlow.
    """

    folder: Path | None = None
    seed: int = 0
    network: Any = None
    name: str = c.WAVEFORM

    def fit(self, known: Known, tracks: Rows, targets: Floats) -> Self:  # noqa: ARG002 (the contract's)
        """Learn from the known tracks alone."""
        return self.refit(known)

    def refit(self, known: Known) -> Self:
        """See `ColdPath`; with fewer than 50 files of known tracks the path stays silent."""
        loudest = known.rows[np.argsort(-known.listens, kind="stable")]
        rows, spectrograms = self._heard(known, np.sort(loudest[:MOST_CLIPS]))
        if len(rows) < FEWEST_CLIPS:
            logger.warning("%d audio files of learnt tracks are too few to learn from.", len(rows))
            return replace(self, network=None)
        from crossfade.retrieval.content.waveform import train_network

        targets = known.vectors[np.searchsorted(known.rows, rows)]
        return replace(self, network=train_network(spectrograms, targets, self.seed))

    def vectors(self, known: Known, tracks: Rows) -> Floats:
        """Listen to the files of tracks [n]; a known track helped to teach the network, but one among many."""
        found = np.zeros((len(tracks), known.vectors.shape[1]), np.float32)
        if self.network is None or self.folder is None:
            return found
        rows, spectrograms = self._heard(known, tracks)
        if len(rows):
            said = unit(self._loaded().predict(spectrograms, verbose=0))
            order = np.argsort(tracks, kind="stable")
            found[order[np.searchsorted(tracks, rows, sorter=order)]] = said
        return found

    def save(self, directory: Path) -> None:
        """Write the network, if there is one."""
        if self.network is not None:
            from crossfade.retrieval.content.waveform import save_network

            save_network(self._loaded(), directory)

    def load(self, directory: Path) -> Self:
        """Remember where the network is."""
        from crossfade.retrieval.content.clips import NETWORK

        return replace(self, network=directory if (directory / NETWORK).is_file() else None)

    def _loaded(self) -> Any:
        from crossfade.retrieval.content.waveform import load_network

        return load_network(self.network) if isinstance(self.network, Path) else self.network

    def _heard(self, known: Known, tracks: Rows) -> tuple[Rows, Floats]:
        """Return those of tracks [n] that have a file, and their spectrograms."""
        from crossfade.retrieval.content.waveform import mel_spectrograms

        if self.folder is None:
            return np.empty(0, np.int32), np.empty((0, 0, 0), np.float32)
        rows, files = files_of(known.catalogue, self.folder)
        wanted = np.isin(rows, tracks)
        clips = [read_clip(file) for file, is_wanted in zip(files, wanted, strict=True) if is_wanted]
        return rows[wanted], mel_spectrograms(np.array(clips, np.float32))
