"""Stored features as compact bytes: one value for each entity, all its features behind a digest of their layout.

layout digest u8[4] | feature 1 | feature 2 | ...        float32 or int64, little-endian, in the order of definition
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossfade.features.definitions import Entity, Feature, Kind, stored_of
from crossfade.schema.errors import IntegrityError

VERSION: Final = 1  # of the packing itself; part of every layout's digest
DIGEST_BYTES: Final = 4
DIGEST: Final = "layout"
CODES: Final = {Kind.FLOAT32: "<f4", Kind.INT64: "<i8"}
MISSING: Final = {Kind.FLOAT32: np.nan, Kind.INT64: -1}
SEPARATOR: Final = b"\0"

Packed = npt.NDArray[np.void]


@dataclass(frozen=True)
class Layout:
    """How the features of an entity are packed.

    Args:
        entity: Whose.
        features: In the order in which they stand.
    """

    entity: Entity
    features: tuple[Feature, ...]

    @classmethod
    def of(cls, entity: Entity) -> "Layout":
        """Return the layout that the definitions give."""
        return cls(entity, stored_of(entity))

    @cached_property
    def digest(self) -> bytes:
        """[4] bytes that change with name, type, window or order of any feature."""
        told = [VERSION, self.entity.name, *self.entity.keys]
        told += [[each.name, each.kind, each.window] for each in self.features]
        return blake2b(json.dumps(told).encode(), digest_size=DIGEST_BYTES).digest()

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type of one packed value."""
        return np.dtype(
            [(DIGEST, f"V{DIGEST_BYTES}"), *((each.name, CODES[each.kind]) for each in self.features)]
        )

    def pack(self, rows: pa.Table) -> list[bytes]:
        """Pack the features of [n] rows into n values."""
        packed = np.empty(rows.num_rows, self.dtype)
        packed[DIGEST] = np.void(self.digest)
        for feature in self.features:
            packed[feature.name] = rows.column(feature.name).to_numpy()
        whole, size = packed.tobytes(), self.dtype.itemsize
        return [whole[start : start + size] for start in range(0, len(whole), size)]

    def unpack(self, values: Sequence[bytes | None]) -> Packed:
        """Unpack n values into one structured array [n]; features of a missing value are NaN or -1.

        Raises:
            IntegrityError: A value is of another layout, or damaged.
        """
        for value in values:
            if value is not None and (
                len(value) != self.dtype.itemsize or value[:DIGEST_BYTES] != self.digest
            ):
                raise IntegrityError(
                    f"Features of {self.entity.name} must be {self.dtype.itemsize} bytes of layout {self.digest.hex()}, got "
                    f"{len(value)} bytes of layout {value[:DIGEST_BYTES].hex()}; write them again with: crossfade features "
                    "materialise."
                )
        nothing = self._nothing
        return np.frombuffer(b"".join(nothing if value is None else value for value in values), self.dtype)

    @cached_property
    def _nothing(self) -> bytes:
        row = np.zeros(1, self.dtype)
        row[DIGEST] = np.void(self.digest)
        for feature in self.features:
            row[feature.name] = MISSING[feature.kind]
        return row.tobytes()


def keys_of(entity: Entity, ids: Sequence[Sequence[str]]) -> list[bytes]:
    """Return the n keys under which features of entities are stored.

    Args:
        entity: Whose.
        ids: A sequence of n ids for each of the entity's key columns.
    """
    start = entity.name.encode() + SEPARATOR
    return [start + SEPARATOR.join(part.encode() for part in parts) for parts in zip(*ids, strict=True)]
