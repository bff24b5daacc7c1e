"""Two kinds of id: external strings at the edges, contiguous int32 rows inside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
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
            return self._few(few)
        array = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(list(ids), pa.string())
        found = pc.fill_null(pc.index_in(array.cast(pa.string()), value_set=self.ids), NO_ROW)
        return np.asarray(
            found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy(),
            np.int32,
        )

    @cached_property
    def _is_sorted(self) -> bool:
        return bool(pc.all(pc.less(self.ids[:-1], self.ids[1:])).as_py() is not False)

    def _few(self, names: Sequence[str | None]) -> Rows:
        if len(self.ids) <= FEW_IDS:
            return np.array([self._small.get(name, NO_ROW) for name in names], np.int32)
        from crossfade.schema.id_kernels import bisect

        texts = [b"" if name is None else name.encode("utf-8", "surrogatepass") for name in names]
        ends = np.array(list(accumulate(map(len, texts), initial=0)), np.int64)
        rows = np.empty(len(texts), np.int32)
        # A byte more, since an empty buffer would be none.
        bisect(np.frombuffer(b"".join([*texts, b"\0"]), np.uint8), ends, *self._bytes, rows)
        if None in names:
            rows[[name is None for name in names]] = NO_ROW
        return rows

    @cached_property
    def _small(self) -> dict[str | None, int]:
        """Rows by id."""
        return {name: row for row, name in enumerate(self.ids.to_pylist())}

    @cached_property
    def _bytes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """Offsets [n + 1] and the bytes of all ids, of which there are any."""
        ids = pa.concat_arrays([self.ids.cast(pa.large_string())])
        _, offsets, text = ids.buffers()
        whole = b"\0" if text is None or not text.size else text
        return np.frombuffer(offsets, np.int64)[ids.offset :], np.frombuffer(whole, np.uint8)

    def names(self, rows: Rows) -> list[str | None]:
        """Map rows [n] int32 to external ids; -1 gives None."""
        indices = pa.array(rows, pa.int32(), mask=np.asarray(rows) < 0)
        return list(self.ids.take(indices).to_pylist())
