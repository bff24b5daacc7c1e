"""The item2vec source (Barkan and Koenigstein 2016): tracks that keep the same company have like vectors."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats, Queries
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.fading import recent_likes
from crossfade.retrieval.index import Index, build_index
from crossfade.retrieval.sentences import Sentences, sentences_of
from crossfade.retrieval.skip_gram import skip_gram
from crossfade.retrieval.sparse import (
    Matrix,
    best_of_rows,
    load_about,
    load_matrix,
    rows_of,
    save_about,
    save_matrix,
    top_of_product,
)
from crossfade.retrieval.user_tower import unit
from crossfade.retrieval.vectors import load_vectors
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW
from crossfade.schema.model_settings import Item2VecSettings
from crossfade.schema.settings import IndexSettings

# A cosine counts to this power, so that one close neighbour outweighs several distant ones: 4 is better than 1, 2 and 8.
SHARPNESS: Final = 4.0
# ... and n / (n + 20) as much where n lists hold the neighbour, since the vector of a rare track is a guess: without it
# recall is a tenth lower on the twin and a third lower on 30Music; docs/decisions/0010.
SHRINKAGE: Final = 20.0
# So many times the neighbours are searched for, and the best of them kept.
POOL: Final = 3
TRACKS_AT_ONCE: Final = 1 << 15
RECALL_QUERIES: Final = 1000
VECTORS: Final = "vectors.npy"
NEIGHBOURS: Final = "neighbours.arrow"


def item_vectors(sentences: Sentences, num_tracks: int, settings: Item2VecSettings, seed: int) -> Floats:
    """Learn the vectors of tracks [num_tracks, dim] float32 of length 1, 0 for a track that nothing was heard with.

    Args:
        sentences: Of sessions, playlists and histories.
        num_tracks: In the catalogue.
        settings: Shape and training.
        seed: Of vectors and draws.

    Raises:
        TrainingError: Training diverged.
    """
    return unit(skip_gram(sentences, num_tracks, settings, seed))


@dataclass
class Item2Vec:
    """Recommends the neighbours, by cosine, of a query's recent positive tracks.

    After `fit` or `load`: `vectors_` [num_tracks, dim] float32 of length 1, 0 for a track that nothing was heard with;
    row t of the sparse `neighbours_` [num_tracks, num_tracks] float32 holds the tracks most like t, strongest first;
    `has_time_`.

    Args:
        settings: Shape and training.
        index: Backend of the vector index that finds the neighbours, and its recall floor.
        num_neighbours: Kept for each track.
        seed: Of vectors and draws.
    """

    settings: Item2VecSettings
    index: IndexSettings
    num_neighbours: int
    seed: int
    name: str = field(default=c.ITEM2VEC, init=False)

    def fit(self, dataset: Dataset) -> Self:
        """Learn vectors from sessions, playlists and histories, forgetting any earlier fit.

        Raises:
            TrainingError: Training diverged, or the index is below its recall floor.
        """
        sentences, num_tracks = sentences_of(dataset), len(dataset.catalogue)
        counts = sentences.counts(num_tracks)
        self.has_time_ = dataset.split.has_time
        self.vectors_: Floats = item_vectors(sentences, num_tracks, self.settings, self.seed)
        self.neighbours_ = self._neighbours(counts / (counts + SHRINKAGE))
        return self

    def _neighbours(self, trust: npt.NDArray[np.float64]) -> Matrix:
        """Return each known track's strongest others, by the sharpened cosine times trust [num_tracks] in the other."""
        num_tracks = len(self.vectors_)
        known = np.flatnonzero(self.vectors_.any(axis=1))
        drawn = np.random.default_rng(self.seed).permutation(known)[:RECALL_QUERIES]
        index = build_index(self.vectors_, self.index, self.vectors_[np.sort(drawn)])
        starts = range(0, num_tracks, TRACKS_AT_ONCE)
        blocks = [
            self._strongest(index, np.arange(start, min(start + TRACKS_AT_ONCE, num_tracks)), trust)
            for start in starts
        ]
        return scipy.sparse.vstack(blocks, format="csr")

    def _strongest(
        self, index: Index, tracks: npt.NDArray[np.int64], trust: npt.NDArray[np.float64]
    ) -> Matrix:
        """Return some tracks' strongest others, a row each."""
        known = self.vectors_[tracks].any(axis=1)
        rows = np.full((len(tracks), POOL * self.num_neighbours), NO_ROW, np.int32)
        cosines = np.full(rows.shape, -np.inf, np.float32)
        if known.any():
            rows[known], cosines[known] = index.search(self.vectors_[tracks[known]], rows.shape[1])
        cosines[rows == tracks[:, None]] = 0
        strengths = np.maximum(cosines, 0) ** SHARPNESS * trust[np.maximum(rows, 0)]
        alike = rows_of((rows, strengths.astype(np.float32)), len(self.vectors_))
        return best_of_rows(alike, self.num_neighbours)

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Sum the neighbours of each query's recent positive tracks; see `Retriever`."""
        recent = recent_likes(queries, len(self.vectors_), has_time=self.has_time_)
        return top_of_product(recent, self.neighbours_, k)

    def save(self, directory: Path) -> None:
        """Write `vectors.npy`, `neighbours.arrow` and `about.json`."""
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / VECTORS, self.vectors_, allow_pickle=False)
        save_matrix(self.neighbours_, directory / NEIGHBOURS)
        save_about(
            directory,
            settings=self.settings.model_dump(),
            index=self.index.model_dump(),
            num_neighbours=self.num_neighbours,
            seed=self.seed,
            has_time=self.has_time_,
        )

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote, vectors memory-mapped.

        Raises:
            IntegrityError: A file is missing, not whole, or of another catalogue.
        """
        about = load_about(directory)
        settings, index = Item2VecSettings(**about["settings"]), IndexSettings(**about["index"])
        loaded = cls(settings, index, about["num_neighbours"], about["seed"])
        loaded.has_time_ = about["has_time"]
        loaded.vectors_ = load_vectors(directory / VECTORS, len(catalogue))
        loaded.neighbours_ = load_matrix(directory / NEIGHBOURS, len(catalogue))
        return loaded
