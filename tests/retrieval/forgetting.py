"""Histories, what is taken out of them, and entries that say nothing instead: what oracles of recalled sources weigh."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.heard import Gone, Heard
from tests import builders

NOW = 10**7
NUM_TRACKS, NUM_USERS = 24, 5


@dataclass(frozen=True)
class Case:
    """Queries, and what goes from them; `is_gone` [m, p] tells which of all their positive entries then say nothing."""

    queries: Queries
    heard: Heard
    gone: Gone
    is_gone: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]

    @property
    def wanted(self) -> npt.NDArray[np.int32]:
        """[m, w] tracks at the places."""
        return np.where(self.places >= 0, self.rows[self.gone.owners[:, None], self.places], np.int32(-1))


def world(seed: int = 1) -> Dataset:
    """Five listeners of 40 plays each, of 24 tracks by six artists, in one genre of four or two."""
    random = np.random.default_rng(seed)
    listens = [
        (f"u{user}", f"t{int(random.integers(0, NUM_TRACKS)):02}", 1 + when / 3 + user / 100)
        for user in range(NUM_USERS)
        for when in range(40)
    ]
    tracks = builders.catalogue(
        [
            {
                "track_id": f"t{track:02}",
                "artist_ids": [f"a{track % 6}"],
                "genres": [f"g{track % 4}", f"g{track // 6}"][: 1 + (track // 6 != track % 4)],
            }
            for track in range(NUM_TRACKS)
        ]
    )
    return builders.dataset(listens, tracks)


def case(data: Dataset, seed: int = 2) -> Case:
    """Take nothing, some tracks and all of them from histories, one listener unknown."""
    random = np.random.default_rng(seed)
    queries = data.queries(np.array([*range(NUM_USERS), -1], np.int32), NOW)
    heard = Heard.of(queries)
    owners = np.array([0, 0, 0, 3, 1, 5, 2, 0, 4, 4], np.int64)
    lost = []
    for claim, owner in enumerate(owners):
        span = np.arange(heard.owned[owner], heard.owned[owner + 1])
        share = (0.0, 0.3, 1.0, 0.1, 0.5)[claim % 5]
        lost.append(span[random.random(len(span)) < share].astype(np.int32))
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in lost])]).astype(np.int64)
    countries = queries.country_rows[owners].copy()
    countries[::3] = -1
    gone = Gone(owners, offsets, np.concatenate(lost), countries)
    is_gone = np.stack([np.isin(heard.entries, each) for each in lost])
    rows = np.stack([random.permutation(NUM_TRACKS)[:9] for _ in range(len(queries))]).astype(np.int32)
    rows[1, 5:] = -1
    places = np.stack([random.permutation(9)[:4] for _ in owners]).astype(np.int32)
    places = np.where(rows[owners[:, None], places] >= 0, places, -1).astype(np.int32)
    places[::4, 2] = -1
    return Case(queries, heard, gone, is_gone, rows, places)


def nothing(queries: Queries) -> Gone:
    """Take nothing out of any history."""
    num = len(queries)
    none = np.zeros(num + 1, np.int64), np.zeros(0, np.int32)
    return Gone(np.arange(num, dtype=np.int64), *none, queries.country_rows)


def said(source: Any, queries: Queries, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Return what a source says of tracks [n, k], none of which stands twice in a query: recalled, or asked for at once."""
    if hasattr(source, "said"):
        told: npt.NDArray[np.float32] = source.said(queries, rows)
        return told
    places = np.where(rows >= 0, np.arange(rows.shape[1], dtype=np.int32), np.int32(-1))
    found: npt.NDArray[np.float32] = source.recalled(Heard.of(queries), queries, rows).without(
        nothing(queries), places
    )
    return found
