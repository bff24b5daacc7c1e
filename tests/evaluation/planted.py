"""A recommender that recommends what it is told, and bundles that hold nothing but a manifest."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.recommender.wording import ReasonKind, Wording
from crossfade.retrieval.contract import Ranking
from crossfade.schema.columns import RETRIEVAL_SOURCES
from crossfade.schema.tables import Surface


@dataclass(frozen=True)
class Planted:
    """A recommender that recommends the tracks that it is told, in the rows of its own dataset."""

    dataset: Dataset
    tracks: tuple[str, ...]
    digest: str = "planted"
    model: str = ""
    explored: str = ""  # stands at the first place while it explores

    @property
    def policies(self):  # type: ignore[no-untyped-def]
        places = (1,) if self.explored else ()
        return {Surface.DISCOVER_WEEKLY: SimpleNamespace(explore_places=places)}

    def without_exploration(self) -> "Planted":
        return replace(self, explored="")

    @property
    def catalogue(self):  # type: ignore[no-untyped-def]
        return self.dataset.catalogue

    @cached_property
    def wording(self) -> Wording:
        return Wording(self.catalogue, self.dataset.users.countries)

    @property
    def sources(self):  # type: ignore[no-untyped-def]
        return SimpleNamespace(retrievers=dict.fromkeys(RETRIEVAL_SOURCES, self))

    def recommend(self, asked, k=None):  # type: ignore[no-untyped-def]
        """Answer requests with slates as a recommender, and queries with a ranking as a source."""
        if isinstance(asked, Requests):
            assert asked.surface == Surface.DISCOVER_WEEKLY
            rows, scores = self._ranked(asked.queries, asked.k)
            if self.explored:
                rows[:, 0] = self.catalogue.tracks.rows([self.explored])
            slates = Slates.unexplained(rows, scores, np.where(rows >= 0, 1, -1).astype(np.int8))
            kinds = np.where(rows >= 0, ReasonKind.ARTIST, ReasonKind.NONE).astype(np.int8)
            return replace(slates, reason_kinds=kinds, reason_rows=self.catalogue.artist_rows[rows])
        return self._ranked(asked, k)

    def exclusions(self, requests: Requests) -> None:
        return None

    def rank(self, requests: Requests, excluded: None):  # type: ignore[no-untyped-def]
        """Score what is recommended in the other order, as a policy may turn it around."""
        rows, scores = self._ranked(requests.queries, len(self.tracks))
        scores = np.where(rows >= 0, np.arange(rows.shape[1], dtype=np.float32), scores)
        return SimpleNamespace(candidates=SimpleNamespace(rows=rows), scores=scores)

    def _ranked(self, queries: Queries, k: int) -> Ranking:
        chosen = np.full(max(k, len(self.tracks)), -1, np.int32)
        chosen[: len(self.tracks)] = self.catalogue.tracks.rows(list(self.tracks))
        rows = np.tile(chosen[:k], (len(queries), 1))
        return rows, np.where(rows >= 0, 1.0, -np.inf).astype(np.float32)


def planted_bundle(directory: Path, end: int, *parents: str) -> Path:
    """Write a bundle that knows listening before `end`."""
    about = {"window": {"end": end}, "parents": list(parents)}
    return write_bundle(directory / "bundles", lambda folder: (folder / "file").write_text("x"), about)
