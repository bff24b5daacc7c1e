"""How often the farmed artist is recommended, by what was learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from benchmarks.bots.world import World
from crossfade.evaluation.bootstrap import Interval
from crossfade.evaluation.evaluate import Recommend, unheard
from crossfade.evaluation.popularity import Doubles
from crossfade.evaluation.stages import whole
from crossfade.evaluation.suite import RECOMMENDER
from crossfade.evaluation.trained import trained_bundle
from crossfade.evaluation.trial import Trial
from crossfade.features.dataset import Dataset
from crossfade.features.translation import Translation
from crossfade.recommender.recommend import Recommender
from crossfade.retrieval.item_knn import ItemKnn
from crossfade.schema import columns as c
from crossfade.schema.columns import ITEM_KNN
from crossfade.schema.settings import Settings
from crossfade.twin.kinds import Account

SYSTEMS: Final = (ITEM_KNN, RECOMMENDER)


@dataclass(frozen=True)
class Exposure:
    """Recommended slots of a listener that hold the farmed artist: name of what was learnt from -> [num_listeners]."""

    slots: dict[str, Doubles]


def exposures(world: World, directory: Path, settings: Settings, *, quick: bool) -> dict[str, Exposure]:
    """Train on each dataset of a world and recommend to all its listeners.

    Returns:
        By system: neighbours of tracks alone (`item_knn`), which chance does not touch, and, unless quick, the whole recommender.
    """
    people = world.twin.users[c.USER_ID].filter(pa.array(world.twin.truth.accounts != Account.FARM))
    artist = world.twin.artists[c.ARTIST_ID][int(world.twin.truth.farmed_artists[0])].as_py()
    slots: dict[str, dict[str, Doubles]] = {system: {} for system in ((ITEM_KNN,) if quick else SYSTEMS)}
    for name, dataset in world.datasets(directory, settings).items():
        systems = {ITEM_KNN: _neighbours(dataset, settings)}
        if not quick:
            place = directory / f"trained_{name}"
            place.mkdir()
            systems[RECOMMENDER] = _trained(dataset, place, settings)
        queries = dataset.queries(dataset.users.ids.rows(people), dataset.split.test_start)
        catalogue = dataset.catalogue
        wanted = catalogue.artist_rows == catalogue.artists.rows([artist])[0]
        for system, recommend in systems.items():
            rows, _ = recommend(queries, settings.evaluation.k)
            slots[system][name] = np.asarray(((rows >= 0) & wanted[rows]).sum(axis=1), np.float64)
    return {system: Exposure(found) for system, found in slots.items()}


def _neighbours(dataset: Dataset, settings: Settings) -> Recommend:
    source = ItemKnn(settings.sources.neighbours).fit(dataset.until(dataset.split.test_start))
    return unheard(source.recommend, len(dataset.catalogue))


def _trained(dataset: Dataset, directory: Path, settings: Settings) -> Recommend:
    recommender = Recommender.load(trained_bundle(Trial.of(dataset), directory, settings))
    return whole(recommender, Translation(dataset, recommender.dataset))


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
