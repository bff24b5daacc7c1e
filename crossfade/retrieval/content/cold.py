"""Vectors for tracks with few or no listens, and where the vector of each track came from."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossfade.features.arrow_files import read_table, write_table
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats
from crossfade.features.text import track_tokens
from crossfade.features.vectors import TrackVectors
from crossfade.retrieval.content.attention import unit
from crossfade.retrieval.content.combination import ABOUT, Combination
from crossfade.retrieval.content.known import Bools, Known
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.ids import Rows

logger = logging.getLogger(__name__)

# From fewer learnt tracks nothing can be hidden and still be learnt of.
FEWEST_KNOWN: Final = 50
# The cold paths count as so many listens beside a track's own; 2 and 4 were equally good on a validation period of the twin.
OWN_PRIOR: Final = 2.0
# A track with more listens than this is what they say.
MOST_BLENDED: Final = 40
# What the track tower makes of a new track's content counts as much as the paths together. It cannot be learnt by hiding
# tracks, since the tower has seen them all; any share was equally good on a validation period of the twin.
TOWER_SHARE: Final = 0.5
# Bounds the memory of pairs and of what all paths say: 8,192 tracks x 50 neighbours x 64 dims are 100 MB.
BLOCK: Final = 8192
FILE: Final = "vector_origins.arrow"


@dataclass(frozen=True)
class Origins:
    """Where track vectors came from.

    Args:
        paths: [num_tracks] int8 into `VECTOR_PATHS`: what decides most of the vector.
        listens: [num_tracks] int32 positive listens that the vector was learnt from, 0 for tracks that training did not
            see.
    """

    paths: npt.NDArray[np.int8]
    listens: Rows

    @classmethod
    def none(cls, num_tracks: int) -> Self:
        """Return those of tracks that nothing is known of yet."""
        return cls(
            np.full(num_tracks, c.VECTOR_PATHS.index(c.TOWER), np.int8), np.zeros(num_tracks, np.int32)
        )

    def counts(self) -> dict[str, int]:
        """Return how many tracks each path decides."""
        counts = np.bincount(self.paths, minlength=len(c.VECTOR_PATHS))
        return dict(zip(c.VECTOR_PATHS, counts.tolist(), strict=True))

    def save(self, directory: Path) -> None:
        """Write `vector_origins.arrow`, with the paths' names as a dictionary."""
        names = pa.DictionaryArray.from_arrays(pa.array(self.paths, pa.int8()), pa.array(c.VECTOR_PATHS))
        write_table(pa.table({"path": names, "listens": pa.array(self.listens)}), directory / FILE)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote."""
        table = read_table(directory / FILE)
        named = table.column("path").combine_chunks()
        codes = np.array([c.VECTOR_PATHS.index(name) for name in named.dictionary.to_pylist()], np.int8)
        return cls(codes[named.indices.to_numpy()], table.column("listens").to_numpy())


@dataclass(frozen=True)
class Cold:
    """The fitted cold paths, and what became of each track.

    Args:
        origins: Of the track vectors.
        combination: The paths; None where fewer than 50 tracks were trained.
    """

    origins: Origins
    combination: Combination | None

    @classmethod
    def fit(
        cls, dataset: Dataset, vectors: Floats, trained: Bools, *, seed: int, audio_folder: str = ""
    ) -> tuple[Self, Floats]:
        """Learn the cold paths from trained tracks, and let them speak for the others.

        A track without listens gets what the paths say and what the tower makes of its content, in equal parts; where
        its artists are unknown the tower has nothing to go by, and the paths speak alone. A track with few listens is
        drawn to what the paths say, as if they were 2 more listens.

        Args:
            dataset: Cut to what may be known.
            vectors: [num_tracks, dim] float32 of length 1 after training.
            trained: [num_tracks] bool; other vectors are what the tower makes of content.
            seed: Of the tracks that are hidden to learn the weights.
            audio_folder: Of audio files named by track id; "" for none.

        Returns:
            The paths, and vectors [num_tracks, dim] float32 of length 1: as they were where fewer than 50 tracks are
            trained.
        """
        listens = _listens(dataset, trained)
        paths = np.where(listens > 0, c.VECTOR_PATHS.index(c.LISTENS), c.VECTOR_PATHS.index(c.TOWER))
        origins = Origins(paths.astype(np.int8), listens)
        known = known_tracks(dataset, vectors, listens)
        if len(known.rows) < FEWEST_KNOWN:
            return cls(origins, None), vectors
        combination, vectors = Combination.fit(known, seed, audio_folder), vectors.copy()
        few = np.flatnonzero(listens <= MOST_BLENDED).astype(np.int32)
        for start in range(0, len(few), BLOCK):
            _blend(known, combination, few[start : start + BLOCK], vectors, origins)
        logger.info("Track vectors come from: %s.", origins.counts())
        return cls(origins, combination), vectors

    def listening_to(self, audio_folder: Path) -> Self:
        """Return the same, with a folder of audio files for the path that listens to them."""
        paths = self.combination
        return replace(self, combination=None if paths is None else paths.listening_to(audio_folder))

    def extended(self, dataset: Dataset, vectors: TrackVectors, ids: pa.Array) -> tuple[Floats, Self]:
        """Tell the vectors of tracks that were not there when the paths were fitted.

        Args:
            dataset: Of the fit, with more tracks in its catalogue.
            vectors: [m, dim] of the tracks of the fit.
            ids: [m] their ids.

        Returns:
            [num_tracks, dim] float32 of length 1, those of the fit as they were, and the paths with all origins.

        Raises:
            InputError: No path knows anything of a new track (names the first), or there are no paths.
        """
        if self.combination is None:
            raise InputError(
                f"New tracks need a model with at least {FEWEST_KNOWN} learnt tracks, this one has "
                f"{(self.origins.listens > 0).sum()}; train on more listening."
            )
        num_tracks, rows = len(dataset.catalogue), dataset.catalogue.tracks.rows(ids)
        full, origins = np.zeros((num_tracks, vectors.shape[1]), np.float32), Origins.none(num_tracks)
        full[rows], origins.paths[rows] = vectors, self.origins.paths
        origins.listens[rows] = self.origins.listens
        new = np.setdiff1d(np.arange(num_tracks), rows).astype(np.int32)
        known = known_tracks(dataset, full, origins.listens)
        full[new], strongest = self.combination.vectors(known, new)
        _require_told(dataset, new[strongest < 0])
        origins.paths[new] = strongest
        return full, type(self)(origins, self.combination)

    def save(self, directory: Path) -> None:
        """Write origins and, where there are any, the paths."""
        directory.mkdir(parents=True, exist_ok=True)
        self.origins.save(directory)
        if self.combination is not None:
            self.combination.save(directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: The origins are missing or not whole.
        """
        has_paths = (directory / ABOUT).is_file()
        return cls(Origins.load(directory), Combination.load(directory) if has_paths else None)


def _blend(known: Known, combination: Combination, tracks: Rows, vectors: Floats, origins: Origins) -> None:
    """Draw the vectors of tracks [n] to what the paths say, in place, and note what decides most of each."""
    said, strongest = combination.vectors(known, tracks)
    own = _own_share(known, tracks, origins.listens)
    own[strongest < 0] = 1.0
    vectors[tracks] = unit(own[:, None] * vectors[tracks] + (1 - own)[:, None] * said)
    origins.paths[tracks] = np.where(own >= TOWER_SHARE, origins.paths[tracks], strongest)


def _require_told(dataset: Dataset, silent: Rows) -> None:
    if len(silent):
        track = dataset.catalogue.tracks.names(silent[:1])[0]
        artists = dataset.catalogue.table.column(c.ARTIST_IDS)[int(silent[0])].as_py()
        raise InputError(
            f"Nothing tells what track {track!r} is like: of its artists {artists or 'none'} no track was learnt, and it has "
            f"no known genre, audio or word ({len(silent)} such tracks); add genres or audio, or leave them out."
        )


def known_tracks(dataset: Dataset, vectors: Floats, listens: Rows) -> Known:
    """Return the tracks [num_tracks] that have listens, with their vectors [num_tracks, dim], as the paths see them."""
    rows = np.flatnonzero(listens > 0).astype(np.int32)
    tokens = track_tokens(dataset.catalogue, dataset.playlists)
    return Known(dataset.catalogue, tokens, rows, vectors[rows], listens[rows].astype(np.float32))


def _listens(dataset: Dataset, trained: Bools) -> Rows:
    acts = dataset.interactions
    counts = np.bincount(acts.track_rows[acts.positive], minlength=len(dataset.catalogue))
    return np.where(trained, np.maximum(counts, 1), 0).astype(np.int32)


def _own_share(known: Known, tracks: Rows, listens: Rows) -> Floats:
    """Return [n] how much of its vector after training a track keeps."""
    own = listens[tracks] / (listens[tracks] + OWN_PRIOR)
    by_content = np.where(known.levels(tracks) > 0, TOWER_SHARE, 0.0)
    return np.asarray(np.where(listens[tracks] > 0, own, by_content), np.float32)
