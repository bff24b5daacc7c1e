"""The paths together: how much each counts by how much is known of a track's artists, learnt by hiding tracks."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import scipy.optimize

from crossfade.features.interactions import Floats, Int64s
from crossfade.retrieval.content.attention import unit
from crossfade.retrieval.content.known import NUM_LEVELS, Bools, Known
from crossfade.retrieval.content.paths import COLD_PATHS, ColdPath, paths_with
from crossfade.retrieval.content.waveform_path import WaveformPath
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows

# Of the known tracks, a share is hidden one by one and another by whole artists, so that every level has some.
HIDDEN_TRACKS: Final = 0.1
HIDDEN_ARTISTS: Final = 0.1
MOST_HIDDEN: Final = 3000  # more teach some thirty numbers nothing
# A level with few hidden tracks goes by the weights of all levels, which count as so many tracks.
PRIOR_TRACKS: Final = 20.0
FEWEST_TRACKS: Final = 1e-3  # keeps the equations solvable where a path says nothing
# Where no other path knows anything, one that counts for nothing beside them is still better than none.
LEAST_WEIGHT: Final = 0.01
ABOUT: Final = "paths.json"


@dataclass(frozen=True)
class Combination:
    """Fitted paths and their weights.

    Args:
        paths: Name -> fitted path.
        weights: [num_levels, num_paths] float32, all above 0; paths in the order of `paths`.
    """

    paths: Mapping[str, ColdPath]
    weights: Floats

    @classmethod
    def fit(cls, known: Known, seed: int, audio_folder: str = "") -> Self:
        """Hide a share of the known tracks, let each path tell their vectors, and weigh the paths by how well it does.

        Args:
            known: Some hundreds of learnt tracks or more.
            seed: Of what is hidden.
            audio_folder: Of audio files named by track id; "" for none.
        """
        hidden = _hidden(known, seed)
        shown, tracks = known.without(hidden), np.flatnonzero(hidden).astype(np.int32)
        targets = known.vectors[hidden[known.rows]]
        fitted = {
            name: path.fit(shown, tracks, targets) for name, path in paths_with(audio_folder, seed).items()
        }
        said = _said(fitted.values(), shown, tracks)
        weights = _weights(said, targets, shown.levels(tracks))
        return cls({name: path.refit(known) for name, path in fitted.items()}, weights)

    def listening_to(self, audio_folder: Path) -> Self:
        """Return the same, with a folder of audio files for the path that listens to them, if there is one."""
        paths = {
            name: replace(path, folder=audio_folder) if isinstance(path, WaveformPath) else path
            for name, path in self.paths.items()
        }
        return replace(self, paths=paths)

    def vectors(self, known: Known, tracks: Rows) -> tuple[Floats, Rows]:
        """Tell vectors from everything but the tracks' own listens.

        Args:
            known: What the combination was fitted on, or the same learnt tracks in a larger catalogue.
            tracks: [n] int32.

        Returns:
            [n, dim] float32 of length 1, zeros where no path knows anything; and for each track the path that says
            most, [n] int32 into `VECTOR_PATHS`, -1 for none.
        """
        weighed = _said(self.paths.values(), known, tracks) * self.weights[known.levels(tracks)][:, :, None]
        names = np.array([c.VECTOR_PATHS.index(name) for name in self.paths], np.int32)
        lengths = np.linalg.norm(weighed, axis=2)
        strongest = np.where(lengths.max(axis=1) > 0, names[lengths.argmax(axis=1)], -1)
        return unit(weighed.sum(axis=1)), strongest.astype(np.int32)

    def save(self, directory: Path) -> None:
        """Write weights and what each path learnt."""
        directory.mkdir(parents=True, exist_ok=True)
        about = {"paths": list(self.paths), "weights": self.weights.tolist()}
        (directory / ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")
        for path in self.paths.values():
            path.save(directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; a path that listens to audio files says nothing until it is told their folder."""
        about = json.loads((directory / ABOUT).read_text("utf-8"))
        paths = {name: COLD_PATHS[name].load(directory) for name in about["paths"]}
        return cls(paths, np.array(about["weights"], np.float32))


def _hidden(known: Known, seed: int) -> Bools:
    """Return [num_tracks] bool: the known tracks to hide."""
    random, catalogue = np.random.default_rng(seed), known.catalogue
    alone = random.random(len(catalogue)) < HIDDEN_TRACKS
    artists = np.append(random.random(len(catalogue.artists)) < HIDDEN_ARTISTS, False)
    chosen = random.permutation(np.flatnonzero((alone | artists[catalogue.artist_rows]) & known.mask))
    hidden = np.zeros(len(catalogue), np.bool_)
    hidden[chosen[:MOST_HIDDEN]] = True
    return hidden


def _said(paths: Iterable[ColdPath], known: Known, tracks: Rows) -> Floats:
    """Return [n, num_paths, dim]."""
    return np.stack([path.vectors(known, tracks) for path in paths], axis=1)


def _weights(said: Floats, targets: Floats, levels: Int64s) -> Floats:
    """Return [num_levels, num_paths] of least squared distance to the targets [n, dim]."""
    prior = _least_squares(said, targets, np.zeros(said.shape[1], np.float32), FEWEST_TRACKS)
    chosen = [levels == level for level in range(NUM_LEVELS)]
    rows = [_least_squares(said[level], targets[level], prior, PRIOR_TRACKS) for level in chosen]
    return np.maximum(np.asarray(rows, np.float32), LEAST_WEIGHT)


def _least_squares(said: Floats, targets: Floats, prior: Floats, strength: float) -> Floats:
    """Return weights [num_paths], none below 0 (Lawson and Hanson 1974), drawn to the prior."""
    square = np.einsum("npd,nqd->pq", said, said, dtype=np.float64) + strength * np.eye(len(prior))
    product = np.einsum("npd,nd->p", said, targets) + strength * prior
    root = np.linalg.cholesky(square)
    return np.asarray(scipy.optimize.nnls(root.T, np.linalg.solve(root, product))[0], np.float32)
