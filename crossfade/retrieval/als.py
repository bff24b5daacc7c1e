"""The matrix factorisation source: alternating least squares over implicit feedback (Hu, Koren and Volinsky 2008)."""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

import numpy as np

from crossfade.features.affinities import products
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats, Queries
from crossfade.retrieval.als_solver import gram_of, improve, solve
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.fading import fading_plays, latest_moment
from crossfade.retrieval.index import Index, build_index, load_index
from crossfade.retrieval.sparse import Matrix, history_matrix, load_about, save_about
from crossfade.retrieval.vectors import load_vectors
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.model_settings import AlsSettings
from crossfade.schema.settings import IndexSettings

# A play in a query's history weighs half as much so many tracks later.
HALF_LIFE_TRACKS: Final = 100.0
# Bounds the memory of the systems: 512 queries x 64 x 64 float64 are 17 MB.
QUERIES_PER_BLOCK: Final = 512
RECALL_QUERIES: Final = 1000
INITIAL_SCALE: Final = 0.1
FACTORS: Final = "factors.npy"


@dataclass
class Als:
    """Recommends the tracks whose vectors have the largest inner product with the query's.

    Fitting alternates between vectors of users and of tracks, and keeps those of tracks: a query's vector is solved for
    from its history, so a new user is as good as their history. After `fit` or `load`: `factors_` [num_tracks, factors]
    float32, `gram_` their [factors, factors] float64, `index_`, `has_time_`.

    Args:
        settings: Shape and fitting.
        index: Backend of the vector index and its recall floor.
        seed: Of the first vectors.
    """

    settings: AlsSettings
    index: IndexSettings
    seed: int
    name: str = field(default=c.ALS, init=False)

    def fit(self, dataset: Dataset) -> Self:
        """Factorise all positive interactions of the dataset, forgetting any earlier fit.

        Raises:
            TrainingError: The index is below its recall floor.
        """
        everybody = dataset.queries(np.arange(len(dataset.users), dtype=np.int32), latest_moment(dataset) + 1)
        self.has_time_ = dataset.split.has_time
        feedback = self._feedback(everybody, len(dataset.catalogue))
        users = self._first_vectors(len(dataset.users), 0)
        by_track = feedback.T.tocsr()
        # Only what was heard gets a draw, so that more tracks in a catalogue change nothing for those that it had.
        heard = np.flatnonzero(np.diff(by_track.indptr))
        tracks = np.zeros((len(dataset.catalogue), self.settings.factors), np.float32)
        tracks[heard] = self._first_vectors(len(heard), 1)
        for _ in range(self.settings.iterations):
            improve(users, tracks, feedback, self.settings.regularization)
            improve(tracks, users, by_track, self.settings.regularization)
        self._keep(tracks)
        active = np.flatnonzero(np.diff(feedback.indptr))
        drawn = np.random.default_rng(self.seed).permutation(active)[:RECALL_QUERIES]
        self.index_: Index = build_index(tracks, self.index, self.vectors(everybody.take(np.sort(drawn))))
        return self

    def _first_vectors(self, num_rows: int, side: int) -> Floats:
        random = np.random.default_rng([self.seed, side])
        drawn = random.standard_normal((num_rows, self.settings.factors), np.float32)
        return drawn * np.float32(INITIAL_SCALE / self.settings.factors**0.5)

    def _keep(self, factors: Floats) -> None:
        self.factors_ = factors
        self.gram_ = gram_of(factors, self.settings.regularization)

    def _feedback(self, queries: Queries, num_tracks: int) -> Matrix:
        """Return alpha x log(1 + strength of all positive plays), fading, sparse [n, num_tracks]."""
        liked = queries.positives
        weights = fading_plays(liked, HALF_LIFE_TRACKS, np.inf, has_time=self.has_time_) * liked.strengths
        feedback = history_matrix(liked, liked.track_rows, weights, num_tracks).scipy()
        feedback.data = np.float32(self.settings.alpha) * np.log1p(feedback.data)
        return feedback

    def vectors(self, queries: Queries) -> Floats:
        """Return [n, factors] float32: the best vector of each query for the tracks as they are, 0 without history."""
        edges = [*range(0, len(queries), QUERIES_PER_BLOCK), len(queries)]
        blocks = [np.empty((0, self.settings.factors), np.float32)]
        for start, stop in pairwise(edges):
            feedback = self._feedback(queries.slice(start, stop), len(self.factors_))
            blocks.append(solve(self.factors_, self.gram_, feedback))
        return np.concatenate(blocks)

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Return the k tracks of largest positive inner product; see `Retriever`."""
        rows, scores = self.index_.search(self.vectors(queries), k)
        wanted = scores > 0
        return np.where(wanted, rows, np.int32(NO_ROW)), np.where(wanted, scores, np.float32(-np.inf))

    def said(self, queries: Queries, rows: Rows) -> Floats:
        """Return the inner products with given tracks [n, w] where above 0; see `Telling`."""
        told = products(self.factors_, rows, self.vectors(queries))
        return np.where(told > 0, told, np.float32(np.nan))

    def save(self, directory: Path) -> None:
        """Write `factors.npy`, `about.json` and the index."""
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / FACTORS, self.factors_, allow_pickle=False)
        self.index_.save(directory / "index")
        save_about(
            directory,
            settings=self.settings.model_dump(),
            index=self.index.model_dump(),
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
        loaded = cls(AlsSettings(**about["settings"]), IndexSettings(**about["index"]), about["seed"])
        loaded.has_time_ = about["has_time"]
        loaded._keep(load_vectors(directory / FACTORS, len(catalogue)))
        loaded.index_ = load_index(directory / "index", loaded.factors_)
        return loaded
