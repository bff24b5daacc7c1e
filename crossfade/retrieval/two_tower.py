"""The two-tower retriever: vectors of users and tracks whose inner product says what a user will want."""

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

import numpy as np

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats, Queries
from crossfade.features.vectors import TrackVectors, packed
from crossfade.retrieval.attended import Attended
from crossfade.retrieval.content.cold import Cold
from crossfade.retrieval.contract import Ranking
from crossfade.retrieval.heard import Heard
from crossfade.retrieval.index import Index, build_index, load_index
from crossfade.retrieval.two_tower_learnt import Learnt
from crossfade.retrieval.user_tower import UserInputs, unit, unscaled_user_vectors
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows
from crossfade.schema.model_settings import InputModels, TwoTowerSettings
from crossfade.schema.settings import IndexSettings, default_settings

# Bounds the memory of the gathered histories: 1,024 queries x 50 entries x 64 dims are 13 MB.
QUERIES_PER_BLOCK: Final = 1024
RECALL_QUERIES: Final = 1000
ABOUT: Final = "two_tower.json"


@dataclass
class TwoTower:
    """Retrieves tracks by the vectors of a user tower (history, profile, context) and a track tower (content, id).

    After `fit` or `load` it holds `learnt_` (with `track_vectors_` and `history_`), `cold_` and `index_`. Unless
    `user_ids` is set, users have no id of their own, so a new user is as good as their history; one without any gets
    what their country and age listen to.

    Args:
        settings: Shape and training.
        index: Backend of the vector index and its recall floor, and what vectors are kept as.
        seed: Of initial weights, order of examples and dropout.
        models: Of the models that `input_vectors` come from.
    """

    settings: TwoTowerSettings
    index: IndexSettings
    seed: int
    models: InputModels = field(default_factory=lambda: default_settings().input_models)
    name: str = field(default=c.TWO_TOWER, init=False)

    def fit(self, dataset: Dataset, warm_start: "TwoTower | None" = None) -> Self:
        """Learn from all interactions of the dataset, forgetting any earlier fit.

        Args:
            dataset: Histories and catalogue; the newest positives also tell when to stop.
            warm_start: An earlier model to start from; what it knows of tracks, artists, genres and countries
                of this dataset is taken over by their ids, and fewer epochs are trained.

        Raises:
            TrainingError: No positive interaction, a loss that is not finite (names epoch and step), an
                earlier model of another shape, or an index below its recall floor.
        """
        from crossfade.retrieval.two_tower_training import train

        earlier = None if warm_start is None else warm_start.learnt_
        learnt = train(dataset, self.settings, self.seed, earlier, models=self.models)
        self.cold_, vectors = Cold.fit(
            dataset,
            np.asarray(learnt.track_vectors),
            learnt.trained,
            seed=self.seed,
            audio_folder=self.settings.audio_folder,
        )
        self.learnt_: Learnt = replace(learnt, track_vectors=packed(vectors, self.index.vectors_as))
        self.index_: Index = build_index(self.track_vectors_, self.index, self._recall_queries(dataset))
        return self

    def extended(self, dataset: Dataset, audio_folder: Path | None = None) -> Self:
        """Return the same model for a dataset with more tracks, whose vectors the cold paths tell; nothing is trained.

        Args:
            dataset: What the model was fitted on, with more tracks in its catalogue.
            audio_folder: Of the new tracks' audio files, named by track id.

        Raises:
            InputError: Nothing is known that could tell a new track, or the model has no cold paths.
        """
        told = self.cold_ if audio_folder is None else self.cold_.listening_to(audio_folder)
        full, cold = told.extended(dataset, self.track_vectors_, self.learnt_.catalogue.tracks.ids)
        vectors = packed(full, self.index.vectors_as)
        more = type(self)(self.settings, self.index, self.seed, self.models)
        more.cold_, more.learnt_ = cold, self.learnt_.extended(dataset.catalogue, vectors)
        more.index_ = build_index(vectors, self.index, more._recall_queries(dataset))
        return more

    @property
    def track_vectors_(self) -> TrackVectors:
        """[num_tracks, dim] of length 1, kept as `index.vectors_as` says; rows read as float32."""
        return self.learnt_.track_vectors

    @property
    def history_(self) -> list[dict[str, float | None]]:
        """The training curve, one dict an epoch; see `Learnt`."""
        return self.learnt_.history

    def user_vectors(self, queries: Queries) -> Floats:
        """Return [n, dim] float32 vectors of length 1, from each query's last positives, profile and context."""
        return unit(self.unscaled_user_vectors(queries))

    def unscaled_user_vectors(self, queries: Queries) -> Floats:
        """Return the same [n, dim] float32 before they are scaled; a query of which little is known has a short one."""
        if 0 < len(queries) <= QUERIES_PER_BLOCK:
            return self._block(queries)  # themselves, which know their positives already
        edges = [*range(0, len(queries), QUERIES_PER_BLOCK), len(queries)]
        blocks = [self._block(queries.slice(start, stop)) for start, stop in pairwise(edges)]
        return np.concatenate(blocks) if blocks else np.empty((0, self.settings.dim), np.float32)

    def _block(self, queries: Queries) -> Floats:
        learnt, length = self.learnt_, self.settings.history_length
        inputs = UserInputs.of(queries, length, learnt.user_buckets, has_time=learnt.has_time)
        return unscaled_user_vectors(learnt.weights, self.track_vectors_, inputs)

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Return the k tracks of largest inner product: rows [n, k] int32 and scores [n, k] float32."""
        return self.index_.search(self.user_vectors(queries), k)

    def recalled(self, heard: Heard, queries: Queries, rows: Rows) -> Attended:
        """Say what attention makes of heard tracks, for the sake of given ones [n, k]; see `Recalling`."""
        learnt, length = self.learnt_, self.settings.history_length
        inputs = UserInputs.of(queries, length, learnt.user_buckets, has_time=learnt.has_time)
        return Attended.of(learnt.weights, self.track_vectors_, inputs, heard, rows)

    def _recall_queries(self, dataset: Dataset) -> Floats:
        active = np.unique(dataset.interactions.user_rows)
        chosen = np.random.default_rng(self.seed).permutation(active)[:RECALL_QUERIES]
        return self.user_vectors(
            dataset.queries(np.sort(chosen), int(dataset.interactions.seconds.max()) + 1)
        )

    def save(self, directory: Path) -> None:
        """Write vectors, weights, index, training curve and the user tower (SavedModel) into a directory."""
        from crossfade.retrieval.towers import export_user_tower

        self.learnt_.save(directory)
        self.cold_.save(directory / "cold")
        self.index_.save(directory / "index")
        export_user_tower(directory / "user_tower", self.settings, self.learnt_.weights, self.track_vectors_)
        about = {
            "settings": self.settings.model_dump(),
            "index": self.index.model_dump(),
            "seed": self.seed,
            "models": self.models.model_dump(),
        }
        (directory / ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote, vectors memory-mapped; TensorFlow is not needed.

        Raises:
            IntegrityError: The catalogue has another number of tracks than the vectors.
        """
        about = json.loads((directory / ABOUT).read_text("utf-8"))
        model = cls(
            TwoTowerSettings(**about["settings"]),
            IndexSettings(**about["index"]),
            about["seed"],
            InputModels(**about["models"]),
        )
        model.learnt_ = Learnt.load(directory, catalogue)
        model.cold_ = Cold.load(directory / "cold")
        model.index_ = load_index(directory / "index", model.track_vectors_)
        return model
