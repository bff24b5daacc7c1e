"""Two kinds of id: external strings at the edges, contiguous int32 rows inside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Rows = npt.NDArray[np.int32]
NO_ROW = -1


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
            [n] int32 rows, -1 where the id is unknown.
        """
        array = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(list(ids), pa.string())
        found = pc.fill_null(pc.index_in(array.cast(pa.string()), value_set=self.ids), NO_ROW)
        return np.asarray(
            found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy(),
            np.int32,
        )

    def names(self, rows: Rows) -> list[str | None]:
        """Map rows [n] int32 to external ids; -1 gives None."""
        indices = pa.array(rows, pa.int32(), mask=np.asarray(rows) < 0)
        return list(self.ids.take(indices).to_pylist())
