"""The stored features of every entity as of a moment: the counts that rankers are trained on, laid out by key."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossfade.features.dataset import Dataset
from crossfade.features.definitions import ARTIST, COUNTRY, COUNTRY_TRACK, TRACK, USER, Entity, stored_of
from crossfade.features.statistics import Statistics
from crossfade.features.user_statistics import UserStatistics

BATCH_USERS: Final = 100_000  # whose histories are cut at once; bounds memory

Columns = Mapping[str, npt.NDArray[np.generic]]


def stored_features(dataset: Dataset, as_of: int) -> dict[Entity, pa.Table]:
    """Count the stored features of all entities.

    Args:
        dataset: Users, catalogue and interactions; what happened from `as_of` on is not read.
        as_of: UTC seconds.

    Returns:
        Entity -> [n] its key columns and features, of the types of `schema_of`, sorted by key. Without timestamps the
        counts of days are NaN and first times -1.
    """
    known = dataset.until(as_of)
    statistics = Statistics.of(known, as_of)
    tracks, countries = known.catalogue.tracks.ids, known.users.countries.ids
    country_rows, track_rows = np.divmod(statistics.country_keys, max(len(tracks), 1))
    is_large = ~np.isnan(statistics.country_shares)
    parts = {
        USER: ([known.users.ids.ids], _of_users(known, as_of)),
        TRACK: ([tracks], _columns(TRACK, statistics)),
        ARTIST: ([known.catalogue.artists.ids], _columns(ARTIST, statistics)),
        COUNTRY: (
            [countries.filter(pa.array(is_large))],
            {"country_shares": statistics.country_shares[is_large]},
        ),
        COUNTRY_TRACK: (
            [countries.take(pa.array(country_rows)), tracks.take(pa.array(track_rows))],
            _columns(COUNTRY_TRACK, statistics),
        ),
    }
    return {entity: _table(entity, keys, columns) for entity, (keys, columns) in parts.items()}


def schema_of(entity: Entity) -> pa.Schema:
    """Return the key columns and stored features of an entity with their types."""
    keys = [(name, pa.string()) for name in entity.keys]
    return pa.schema([*keys, *((each.name, pa.type_for_alias(each.kind)) for each in stored_of(entity))])


def _columns(entity: Entity, statistics: Statistics) -> Columns:
    return {each.name: getattr(statistics, each.name) for each in stored_of(entity)}


def _of_users(dataset: Dataset, as_of: int) -> Columns:
    parts = []
    for start in range(0, max(len(dataset.users), 1), BATCH_USERS):
        rows = np.arange(start, min(start + BATCH_USERS, len(dataset.users)), dtype=np.int32)
        parts.append(UserStatistics.of(dataset.queries(rows, as_of), dataset.catalogue))
    names = [each.name for each in stored_of(USER)]
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}


def _table(entity: Entity, keys: list[pa.Array], columns: Columns) -> pa.Table:
    schema = schema_of(entity)
    values = [pa.array(columns[each.name]) for each in stored_of(entity)]
    return pa.table([*keys, *values], names=schema.names).cast(schema)
