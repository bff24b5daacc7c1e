"""What every retriever promises, where each one lives, and the padding that all of them share."""

from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, Self, cast, runtime_checkable

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows

Scores = npt.NDArray[np.float32]
Ranking = tuple[Rows, Scores]


class Retriever(Protocol):
    """A source of candidates. The constructor only stores its arguments; learned state ends in `_`."""

    name: str

    def fit(self, dataset: Dataset) -> Self:
        """Learn from all interactions of the dataset, forgetting any earlier fit.

        Callers cut the dataset to what may be known (`dataset.until`).
        """
        ...

    def recommend(self, queries: Queries, k: int) -> Ranking:
        """Answer n queries; heard tracks stay in, callers filter them.

        Returns:
            Rows [n, k] int32 best first, no track twice, padded with -1; their scores [n, k] float32,
            -inf where padded.
        """
        ...

    def save(self, directory: Path) -> None:
        """Write the learned state into a directory (made if missing); no pickle, no absolute path."""
        ...

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote; the catalogue is the one that it was fitted on."""
        ...


@runtime_checkable
class Telling(Retriever, Protocol):
    """A source that can say what it thinks of any track, not only of its best, but not without parts of a history."""

    def said(self, queries: Queries, rows: Rows) -> Scores:
        """Score given tracks.

        Args:
            queries: n queries.
            rows: [n, w] int32, -1 padded.

        Returns:
            [n, w] float32, as `recommend` would score them; NaN where it never returns a track, or padded.
        """
        ...


@runtime_checkable
class Extendable(Retriever, Protocol):
    """A source that can take up new tracks without being fitted again."""

    def extended(self, dataset: Dataset, audio_folder: Path | None) -> Self:
        """Return the same source for the dataset that it was fitted on, with more tracks in its catalogue.

        Args:
            dataset: The one of the fit but for the new tracks.
            audio_folder: Of the new tracks' audio files, named by track id; None for none.
        """
        ...


# Where each source lives, by name; a string, so that listing them imports none of their libraries.
RETRIEVERS: Final = MappingProxyType(
    {
        c.TWO_TOWER: "crossfade.retrieval.two_tower:TwoTower",
        c.ITEM_KNN: "crossfade.retrieval.item_knn:ItemKnn",
        c.ALS: "crossfade.retrieval.als:Als",
        c.EASE: "crossfade.retrieval.ease:Ease",
        c.ARTIST_TRACKS: "crossfade.retrieval.artist_tracks:ArtistTracks",
        c.POPULAR: "crossfade.retrieval.popular:Popular",
        c.TRANSITIONS: "crossfade.retrieval.transitions:Transitions",
        c.SESSION_KNN: "crossfade.retrieval.session_knn:SessionKnn",
        c.REPLAYS: "crossfade.retrieval.replays:Replays",
        c.SASREC: "crossfade.retrieval.session_model:SasRec",
        c.GRU4REC: "crossfade.retrieval.session_model:Gru4Rec",
        c.ITEM2VEC: "crossfade.retrieval.item2vec:Item2Vec",
        c.RELEASES: "crossfade.retrieval.releases:Releases",
    }
)


def retriever_class(name: str) -> type[Retriever]:
    """Import and return the class of a retriever by its name in `RETRIEVERS`."""
    module, _, attribute = RETRIEVERS[name].partition(":")
    return cast("type[Retriever]", getattr(import_module(module), attribute))


def padded(rows: npt.NDArray[np.integer], scores: npt.NDArray[np.floating], k: int) -> Ranking:
    """Cut or pad a ranking [n, c] to [n, k]: -1 and -inf, also wherever one of the two stands."""
    out_rows, out_scores = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), np.float32)
    _pad((rows, scores), (out_rows, out_scores))
    return out_rows, out_scores


@numba.njit(cache=True, nogil=True)
def _pad(ranking, padded_columns):  # type: ignore[no-untyped-def]
    (rows, scores), (out_rows, out_scores) = ranking, padded_columns
    for query in range(out_rows.shape[0]):
        for place in range(out_rows.shape[1]):
            out_rows[query, place], out_scores[query, place] = NO_ROW, -np.inf
            if place < rows.shape[1] and rows[query, place] >= 0 and scores[query, place] != -np.inf:
                out_rows[query, place], out_scores[query, place] = rows[query, place], scores[query, place]


def top_k(scores: npt.NDArray[np.floating], k: int) -> Ranking:
    """Rank all tracks of each query by score.

    Args:
        scores: [n, num_tracks] float; -inf leaves a track out.
        k: How many to return.

    Returns:
        Rows [n, k] int32 best first (of equal scores the lower row first), padded with -1, and scores [n, k].
    """
    width = min(k, scores.shape[1])
    if width == 0:
        return padded(np.empty((len(scores), 0), np.int32), np.empty((len(scores), 0), np.float32), k)
    if width < scores.shape[1]:
        chosen = np.sort(np.argpartition(scores, scores.shape[1] - width, axis=1)[:, -width:], axis=1)
    else:
        chosen = np.broadcast_to(np.arange(width), scores.shape)
    values = np.take_along_axis(scores, chosen, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return padded(np.take_along_axis(chosen, order, axis=1), np.take_along_axis(values, order, axis=1), k)
