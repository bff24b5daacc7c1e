"""The item-kNN source: neighbours of what was played last."""

from pathlib import Path
from typing import Final, Self

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.fading import recent_likes
from crossfade.retrieval.heard import Heard
from crossfade.retrieval.linked import Linked, Units
from crossfade.retrieval.neighbours import baskets, neighbours
from crossfade.retrieval.sparse import (
    load_about,
    load_matrix,
    save_about,
    save_matrix,
    top_of_product,
)
from crossfade.retrieval.sparse_rows import SparseRows
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows

# The best compromise of a coarse grid over five validation periods of 30Music and one of the twin.
SHRINKAGE: Final = 10.0
NEIGHBOURS: Final = "neighbours.arrow"


class ItemKnn:
    """Recommends the neighbours of a query's recent positive tracks.

    After `fit` or `load`, row t of the sparse `neighbours_` [num_tracks, num_tracks] float32 holds the tracks most
    like t, strongest first.

    Args:
        num_neighbours: Kept for each track.
    """

    name = c.ITEM_KNN

    def __init__(self, num_neighbours: int) -> None:
        self.num_neighbours = num_neighbours

    def fit(self, dataset: Dataset) -> Self:
        """Find the neighbours of every track that was played positively."""
        acts = dataset.interactions
        occurrences = baskets(acts, acts.track_rows, len(dataset.catalogue))
        self.has_time_ = dataset.split.has_time
        self.neighbours_ = neighbours(occurrences, self.num_neighbours, SHRINKAGE)
        return self

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Sum the neighbours of each query's recent positive tracks; see `Retriever`."""
        return top_of_product(self.recent(queries), self.neighbours_, k)

    def recalled(self, heard: Heard, queries: Queries, rows: Rows) -> Linked:
        """Say which recent tracks lead to given tracks [n, k]; see `Recalling`."""
        units = Units.of_tracks(heard, heard.read(self.recent(queries)))
        return Linked.of(units, self.neighbours_, rows)

    def recent(self, queries: Queries) -> SparseRows:
        """Weigh recent positive tracks, sparse [n, num_tracks]."""
        return recent_likes(queries, self.neighbours_.shape[0], has_time=self.has_time_)

    def save(self, directory: Path) -> None:
        """Write `neighbours.arrow` and `about.json`."""
        save_matrix(self.neighbours_, directory / NEIGHBOURS)
        save_about(directory, num_neighbours=self.num_neighbours, has_time=self.has_time_)

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: A file is missing, not whole, or of another catalogue.
        """
        about = load_about(directory)
        loaded = cls(about["num_neighbours"])
        loaded.has_time_ = about["has_time"]
        loaded.neighbours_ = load_matrix(directory / NEIGHBOURS, len(catalogue))
        return loaded
