"""Two kinds of id: external strings at the edges, contiguous int32 rows inside."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Rows = npt.NDArray[np.int32]
NO_ROW = -1
FEW_IDS: Final = (
    1000  # so many are found one by one sooner than by a table of all ids, which each call would build
)


@dataclass(frozen=True)
class IdMap:
    """A frozen, bidirectional map between external ids and rows.

    Ids are unique; row `i` is the id at position `i`. Unknown ids map to -1.
    """

    ids: pa.Array

    @classmethod
    def of(cls, ids: Iterable[str] | pa.Array) -> "IdMap":
        """Build a map over the distinct ids, sorted, so that equal sets give equal rows."""
        array = ids if isinstance(ids, pa.Array) else pa.array(list(ids), pa.string())
        distinct = pc.unique(array.cast(pa.string())).drop_null()
        return cls(distinct.take(pc.sort_indices(distinct)))

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self.ids)

    def rows(self, ids: Sequence[str] | pa.Array | pa.ChunkedArray) -> Rows:
        """Map external ids to rows.

        Args:
            ids: [n] external ids.

        Returns:
            [n] int32 rows, -1 where the id is unknown. Up to 1,000 ids are looked up one by one: in a small map by a
            table, in a sorted one by bisection, so that a request's few ids cost microseconds in a map of any size.
        """
        if len(ids) <= FEW_IDS and (len(self.ids) <= FEW_IDS or self._is_sorted):
            few = ids.to_pylist() if isinstance(ids, pa.Array | pa.ChunkedArray) else ids
            return np.array([self._row(name) for name in few], np.int32)
        array = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(list(ids), pa.string())
        found = pc.fill_null(pc.index_in(array.cast(pa.string()), value_set=self.ids), NO_ROW)
        return np.asarray(
            found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy(),
            np.int32,
        )

    @cached_property
    def _is_sorted(self) -> bool:
        return bool(pc.all(pc.less(self.ids[:-1], self.ids[1:])).as_py() is not False)

    def _row(self, name: str | None) -> int:
        if name is None:
            return NO_ROW
        if len(self.ids) <= FEW_IDS:
            return self._small.get(name, NO_ROW)
        wanted, (offsets, text) = name.encode("utf-8", "surrogatepass"), self._bytes
        # UTF-8 sorts as its text does; a memory view is read ten times as fast as one of Arrow's scalars.
        place = bisect_left(
            range(len(self.ids)), wanted, key=lambda row: text[offsets[row] : offsets[row + 1]].tobytes()
        )
        if place == len(self.ids) or text[offsets[place] : offsets[place + 1]] != wanted:
            return NO_ROW
        return place

    @cached_property
    def _small(self) -> dict[str, int]:
        """Rows by id."""
        return {name: row for row, name in enumerate(self.ids.to_pylist())}

    @cached_property
    def _bytes(self) -> tuple[memoryview, memoryview]:
        """Offsets [n + 1] and the bytes of all ids."""
        ids = pa.concat_arrays([self.ids.cast(pa.large_string())])
        _, offsets, text = ids.buffers()
        whole = memoryview(b"") if text is None else memoryview(text).cast("B")
        return memoryview(offsets)[8 * ids.offset :].cast("q"), whole

    def names(self, rows: Rows) -> list[str | None]:
        """Map rows [n] int32 to external ids; -1 gives None."""
        indices = pa.array(rows, pa.int32(), mask=np.asarray(rows) < 0)
        return list(self.ids.take(indices).to_pylist())
