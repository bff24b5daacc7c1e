"""Session models: an encoder of the running session, whose vector finds the next track through the index."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Floats, Queries
from crossfade.features.vectors import TrackVectors, as_stored, opened, packed
from crossfade.retrieval.contract import Ranking, padded
from crossfade.retrieval.index import Index, build_index, load_index
from crossfade.retrieval.session_forward import encoded_inputs, gru4rec_vectors, sasrec_vectors
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.model_settings import SessionModelSettings
from crossfade.schema.settings import IndexSettings

ABOUT: Final = "session_model.json"
VECTORS: Final = "track_vectors.npy"
WEIGHTS: Final = "weights.npz"
SAVED_MODEL: Final = "encoder"
RECALL_QUERIES: Final = 1000
FORWARD: Final = {c.SASREC: sasrec_vectors, c.GRU4REC: gru4rec_vectors}


def last_sessions(queries: Queries, length: int) -> tuple[Rows, Floats]:
    """Return the last entries of each query's last session, newest last and padded in front.

    Returns:
        Tracks [n, length] int32, -1 padded, and 1 where skipped early [n, length] float32.
    """
    read = queries.in_last_session & (queries.places_from_end < length)
    owners, columns = queries.owners[read], length - 1 - queries.places_from_end[read]
    rows = np.full((len(queries), length), NO_ROW, np.int32)
    skips = np.zeros((len(queries), length), np.float32)
    rows[owners, columns] = queries.track_rows[read]
    skips[owners, columns] = queries.strengths[read] < 0
    return rows, skips


@dataclass
class SessionModel:
    """Retrieves the next track by the inner product of track vectors with the vector of the running session.

    After `fit` or `load` it holds `track_vectors_` [num_tracks, dim] of length 1, kept as `index.vectors_as` says, `weights_` by
    name and `index_`. The two encoders differ in `name` alone.

    Args:
        settings: Shape and training.
        index: Backend of the vector index and its recall floor, and what vectors are kept as.
        seed: Of initial weights, order of sessions, draws and dropout.
    """

    settings: SessionModelSettings
    index: IndexSettings
    seed: int
    name: ClassVar[str]

    def fit(self, dataset: Dataset) -> Self:
        """Learn from all sessions of the dataset, forgetting any earlier fit.

        Raises:
            TrainingError: No session holds two listens, a loss is not finite, or the index is below its recall floor.
        """
        from crossfade.retrieval.session_training import train

        vectors, self.weights_ = train(self.name, dataset, self.settings, self.seed)
        self.track_vectors_: TrackVectors = packed(vectors, self.index.vectors_as)
        users = np.unique(dataset.interactions.user_rows)
        drawn = np.sort(np.random.default_rng(self.seed).permutation(users)[:RECALL_QUERIES])
        asked = dataset.queries(drawn, int(dataset.interactions.seconds.max()) + 1)
        self.index_: Index = build_index(self.track_vectors_, self.index, self.session_vectors(asked))
        return self

    def session_vectors(self, queries: Queries) -> Floats:
        """Return [n, dim] float32 vectors of the last session of each query, zeros without any."""
        rows, skips = last_sessions(queries, self.settings.length)
        entries, known = encoded_inputs(self.weights_, self.track_vectors_, rows, skips)
        vectors = FORWARD[self.name](self.weights_, entries, known)
        return np.where((rows >= 0)[:, -1:], vectors, np.float32(0))

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Return the k tracks of largest inner product; nothing for a query without history."""
        rows, scores = self.index_.search(self.session_vectors(queries), k)
        is_silent = (np.diff(queries.offsets) == 0)[:, None]
        return padded(np.where(is_silent, NO_ROW, rows), np.where(is_silent, -np.inf, scores), k)

    def save(self, directory: Path) -> None:
        """Write vectors, weights, index and the encoder (SavedModel) into a directory."""
        from crossfade.retrieval.session_encoders import export_encoder

        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / VECTORS, as_stored(self.track_vectors_))
        np.savez(directory / WEIGHTS, **self.weights_)  # type: ignore[arg-type]  # a dict hides the names
        self.index_.save(directory / "index")
        export_encoder(directory / SAVED_MODEL, self.name, self.weights_, self.track_vectors_)
        about = {"settings": self.settings.model_dump(), "index": self.index.model_dump(), "seed": self.seed}
        (directory / ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote, vectors memory-mapped; TensorFlow is not needed.

        Raises:
            IntegrityError: The catalogue has another number of tracks than the vectors, or they are none.
        """
        about = json.loads((directory / ABOUT).read_text("utf-8"))
        model = cls(SessionModelSettings(**about["settings"]), IndexSettings(**about["index"]), about["seed"])
        model.track_vectors_ = opened(np.load(directory / VECTORS, mmap_mode="r"), directory / VECTORS)
        if len(model.track_vectors_) != len(catalogue):
            raise IntegrityError(
                f"{directory / VECTORS} holds {len(model.track_vectors_)} tracks, but the catalogue beside it has "
                f"{len(catalogue)}; load it with the catalogue that it was fitted on."
            )
        with np.load(directory / WEIGHTS) as weights:
            model.weights_ = dict(weights)
        model.index_ = load_index(directory / "index", model.track_vectors_)
        return model


class SasRec(SessionModel):
    """Self-attention over the session (Kang and McAuley 2018)."""

    name = c.SASREC


class Gru4Rec(SessionModel):
    """A gated recurrent unit over the session (Hidasi et al. 2016; Hidasi and Karatzoglou 2018)."""

    name = c.GRU4REC
