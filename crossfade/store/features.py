"""Online features: one packed value for each entity inside a generation, read by one get."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import pyarrow as pa

from crossfade.features.definitions import Entity
from crossfade.features.packing import Layout, Packed, keys_of
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.store.contract import Generation
from crossfade.store.rows import LONGEST_KEY_BYTES, RowReader, RowStore

FAMILY: Final = "features"  # stands where slates have their surface
BATCH_ROWS: Final = 50_000


@dataclass(frozen=True)
class FeatureStore:
    """Generations of online features.

    Args:
        rows: Where they are kept.
    """

    rows: RowStore

    def write(
        self, name: str, tables: Mapping[Entity, pa.Table], *, as_of: int, lake_versions: Mapping[str, int]
    ) -> None:
        """Write a generation beside the live one; it is whole or not there.

        Args:
            name: The generation's.
            tables: Entity -> keys and features, as `stored_features` returns them.
            as_of: UTC seconds that they are of.
            lake_versions: Of the tables that they were counted from.

        Raises:
            InputError: The keys of an entity are longer than 511 bytes.
        """
        num_rows = sum(table.num_rows for table in tables.values())
        about = Generation(FAMILY, name, "", as_of, dict(lake_versions), 0, num_rows, (), ())
        with self.rows.begin(about) as writer:
            for entity, table in tables.items():
                for values in _packed(entity, table):
                    writer.put_values(values)

    def reader(self) -> "FeatureReader":
        """Open the live generation.

        Raises:
            NotFoundError: None is live yet.
        """
        if self.rows.live(FAMILY) is None:
            raise NotFoundError("No online features are written yet; run: crossfade features materialise.")
        return FeatureReader(self.rows.reader(FAMILY))


@dataclass(frozen=True)
class FeatureReader:
    """A view of one generation of online features."""

    rows: RowReader

    @property
    def generation(self) -> Generation:
        """What is looked at; its `as_of` says of when the features are."""
        return self.rows.generation

    def get(self, entity: Entity, *ids: str) -> dict[str, float | int] | None:
        """Return the features of one entity by one get, None where nothing is known of it.

        Args:
            entity: Whose.
            ids: One for each of its key columns.

        Raises:
            IntegrityError: What stands there is of another layout.
        """
        (value,) = self.rows.values(keys_of(entity, [[each] for each in ids]))
        if value is None:
            return None
        layout = _layout(entity)
        _, *values = layout.unpack([value]).item()
        return {feature.name: found for feature, found in zip(layout.features, values, strict=True)}

    def get_many(self, entity: Entity, *ids: Sequence[str]) -> Packed:
        """Return the features of n entities as a structured array [n], NaN or -1 where nothing is known.

        Args:
            entity: Whose.
            ids: n ids for each of its key columns.

        Raises:
            IntegrityError: What stands there is of another layout.
        """
        return _layout(entity).unpack(self.rows.values(keys_of(entity, ids)))


@cache
def _layout(entity: Entity) -> Layout:
    return Layout.of(entity)


def _packed(entity: Entity, table: pa.Table) -> Iterator[dict[bytes, bytes]]:
    """Yield keys with packed values, batch by batch."""
    for start in range(0, table.num_rows, BATCH_ROWS):
        rows = table.slice(start, BATCH_ROWS)
        keys = keys_of(entity, [rows.column(name).to_pylist() for name in entity.keys])
        longest = max(keys, key=len)
        if len(longest) > LONGEST_KEY_BYTES:
            raise InputError(
                f"A key must have at most {LONGEST_KEY_BYTES} bytes, but that of {entity.name} "
                f"{longest[:40]!r}... has {len(longest)}."
            )
        yield dict(sorted(zip(keys, _layout(entity).pack(rows), strict=True)))
