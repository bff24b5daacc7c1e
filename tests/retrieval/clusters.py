"""Two clusters of listeners, those of artist a and those of artist b, and a two-tower small enough for them."""

from typing import Any

import numpy as np

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.retrieval.two_tower import TwoTower
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows
from crossfade.schema.settings import default_settings
from tests.builders import Play, catalogue

LATER = 30 * SECONDS_PER_DAY


def model(*, seed: int = 1, **changes: Any) -> TwoTower:
    defaults = default_settings()
    small = {
        "dim": 8,
        "history_length": 5,
        "batch_size": 32,
        "epochs": 6,
        "learning_rate": 0.02,
        "hard_negatives": 4,
    }
    return TwoTower(defaults.two_tower.model_copy(update=small | changes), defaults.index, seed)


def clusters(num_users: int = 40) -> list[Play]:
    """Even users hear tracks of artist a, odd users those of artist b."""
    random = np.random.default_rng(0)
    return [
        (f"u{user:02}", f"{'ab'[user % 2]}{random.integers(8)}", day + random.random() / 2)
        for user in range(num_users)
        for day in range(10)
    ]


def names(data: Dataset, rows: Rows) -> list[str]:
    return [str(name) for name in data.catalogue.tracks.names(rows)]


def cluster_catalogue() -> Catalogue:
    """Eight tracks and a never played one (id ending in `_new`) of each of two artists."""
    ids = [f"{artist}{i}" for artist in "ab" for i in [*range(8), "_new"]]
    return catalogue(
        [{c.TRACK_ID: name, c.ARTIST_IDS: [name[0]], c.GENRES: [f"genre {name[0]}"]} for name in ids]
    )
