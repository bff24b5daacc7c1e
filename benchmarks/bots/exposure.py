"""How often the farmed artist is recommended, by what was learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.bots.world import World
from benchmarks.quality.ours import trained_bundle
from crossfade.evaluation.bootstrap import Interval
from crossfade.evaluation.popularity import Doubles
from crossfade.features.dataset import Dataset
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings
from crossfade.schema.tables import Surface
from crossfade.twin.kinds import Account


@dataclass(frozen=True)
class Exposure:
    """Slots of Discover Weekly that hold the farmed artist: name of what was learnt from -> [num_listeners]."""

    slots: dict[str, Doubles]


def exposures(world: World, directory: Path, settings: Settings) -> Exposure:
    """Train on each dataset of a world and recommend to all its listeners."""
    people = world.twin.users[c.USER_ID].filter(pa.array(world.twin.truth.accounts != Account.FARM))
    artist = world.twin.artists[c.ARTIST_ID][int(world.twin.truth.farmed_artists[0])].as_py()
    slots = {}
    for name, dataset in world.datasets(directory, settings).items():
        place = directory / f"trained_{name}"
        place.mkdir()
        slots[name] = _slots(dataset, trained_bundle(dataset, place, settings), people, artist, settings)
    return Exposure(slots)


def _slots(
    dataset: Dataset, bundle: Path, people: pa.ChunkedArray, artist: str, settings: Settings
) -> Doubles:
    recommender = Recommender.load(bundle)
    rows = recommender.dataset.users.ids.rows(people)
    requests = Requests.of_users(
        recommender.dataset, rows, dataset.split.test_start, Surface.DISCOVER_WEEKLY, settings.evaluation.k
    )
    slates = recommender.recommend(requests)
    catalogue = recommender.catalogue
    wanted = catalogue.artist_rows == catalogue.artists.rows([artist])[0]
    return np.asarray(((slates.rows >= 0) & wanted[slates.rows]).sum(axis=1), np.float64)


def lift(shown: Sequence[Exposure], name: str, settings: Settings) -> Interval:
    """Return the farmed artists' slots over those of the clean worlds, with an interval over users of all worlds."""
    ours = np.concatenate([each.slots[name] for each in shown])
    clean = np.concatenate([each.slots["clean"] for each in shown])
    rng = np.random.default_rng(settings.seed)
    drawn = rng.integers(len(ours), size=(settings.evaluation.bootstrap_samples, len(ours)))
    ratios = ours[drawn].sum(axis=1) / np.maximum(clean[drawn].sum(axis=1), 1)
    tail = (1 - settings.evaluation.confidence) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail])
    return Interval(float(ours.sum() / max(clean.sum(), 1)), float(low), float(high))
