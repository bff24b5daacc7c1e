"""Writes stored features: their history into gold, the newest of them into the online store as a generation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import pyarrow as pa

from crossfade.features.dataset import Dataset, Split
from crossfade.features.definitions import STORED_ENTITIES, Entity
from crossfade.features.make_dataset import make_dataset
from crossfade.features.packing import Layout
from crossfade.features.stored import stored_features
from crossfade.lake.lake import GOLD, Lake
from crossfade.recommender.bundle import SETTINGS
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.code import code_version
from crossfade.schema.settings import Settings, default_settings, load_settings
from crossfade.schema.tables import TIMESTAMP_TYPE
from crossfade.store.features import FAMILY, FeatureStore

GENERATION: Final = "crossfade.generation"


@dataclass(frozen=True)
class Materialised:
    """What was written.

    Args:
        generation: Its name.
        as_of: UTC seconds that the features are of.
        num_rows: Rows of each entity.
        is_live: Whether the online store answers with it; a back-fill is only written to gold.
        removed: Names of generations that made room.
    """

    generation: str
    as_of: int
    num_rows: Mapping[str, int]
    is_live: bool
    removed: tuple[str, ...]


def materialise(
    lake: Lake,
    settings: Settings,
    store: FeatureStore,
    *,
    split: Split | None = None,
    as_of: int | None = None,
    now: datetime | None = None,
) -> Materialised:
    """Count the stored features and write them; a second call on the same lake writes nothing.

    Gold keeps the history: a row for each entity and moment, with when it was written. The online store gets a new
    generation beside the live one and switches to it by one write, unless it has newer features than these.

    Args:
        lake: A refreshed lake.
        settings: That models are trained with; `weekly.keep_generations` says how many generations stay.
        store: Gets the newest features.
        split: Of the bundle that will read them, so that skips are corrected as it was trained.
        as_of: UTC seconds; None is the end of the newest event.
        now: When the rows are written; None is now.

    Raises:
        NotFoundError: The lake has not been refreshed.
        TrainingError: It has no user or no positive interaction.
        InputError: Another process is writing to the lake.
    """
    dataset = make_dataset(lake, settings, split=split)
    moment = int(dataset.interactions.seconds.max()) + 1 if as_of is None else as_of
    name = _name(dataset, moment, settings)
    tables = stored_features(dataset, moment)
    with lake.writing():
        for entity, table in tables.items():
            _append(lake, entity, with_moments(table, moment, now or datetime.now(UTC)), name)
    is_newest = _newest(store) <= moment
    removed: list[str] = []
    if is_newest:
        store.write(name, tables, as_of=moment, lake_versions=dataset.lake_versions)
        store.rows.activate(FAMILY, name)
        removed = store.rows.prune(FAMILY, settings.weekly.keep_generations)
    num_rows = {entity.name: table.num_rows for entity, table in tables.items()}
    return Materialised(name, moment, num_rows, is_newest, tuple(removed))


def trained_with(workspace: Workspace) -> tuple[Settings, Split | None]:
    """Return the settings and the split that the champion was trained with; defaults before there is one."""
    if workspace.champion_digest() is None:
        return default_settings(), None
    champion = workspace.champion()
    return load_settings(champion / SETTINGS), Dataset.load(champion).split


def _name(dataset: Dataset, as_of: int, settings: Settings) -> str:
    """Name a generation by all that its features depend on, code included."""
    read = settings.model_dump(mode="json", include={"seed", "split", "skips"})
    layouts = [Layout.of(entity).digest.hex() for entity in STORED_ENTITIES]
    split = dataset.split.validation_start
    content = [as_of, dataset.lake, dataset.lake_versions, split, read, layouts, code_version()]
    day = datetime.fromtimestamp(as_of, UTC).strftime("%Y%m%d")
    return f"{day}-{sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]}"


def with_moments(table: pa.Table, as_of: int, now: datetime) -> pa.Table:
    """Return stored features as gold keeps them: with the moment that they are of, and that at which they are written."""
    moments = (datetime.fromtimestamp(as_of, UTC), now)
    for name, moment in zip((c.TIMESTAMP, c.CREATED_AT), moments, strict=True):
        table = table.append_column(name, pa.repeat(pa.scalar(moment, TIMESTAMP_TYPE), table.num_rows))
    return table


def _append(lake: Lake, entity: Entity, rows: pa.Table, generation: str) -> None:
    """Append to gold unless the newest commit is these very rows, of a call that was killed or is repeated."""
    if lake.has(GOLD, entity.table) and lake.history(GOLD, entity.table)[0].get(GENERATION) == generation:
        return
    lake.append(GOLD, entity.table, rows, {GENERATION: generation})


def _newest(store: FeatureStore) -> int:
    """Return of when the live features are, in UTC seconds; the beginning of time without any."""
    if store.rows.live(FAMILY) is None:
        return 0
    return store.reader().generation.as_of
