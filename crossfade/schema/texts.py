"""Texts of a long column, a few of which are read at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Texts:
    """A column of texts as Arrow lays it out; what `take` and `to_pylist` cost for a slate's ten is several times as much.

    Args:
        ends: [n + 1] int32 or int64, text i is text[ends[i]:ends[i + 1]].
        text: UTF-8, one text after the other.
        there: [n] bool, false where there is none; None where all are.
    """

    ends: npt.NDArray[np.signedinteger[Any]]
    text: memoryview
    there: Bools | None

    @classmethod
    def of(cls, column: pa.Array) -> Self:
        """Read a column of texts in place (other types than strings are cast)."""
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        column = column if is_text else column.cast(pa.string())
        number = np.dtype(np.int64 if pa.types.is_large_string(column.type) else np.int32)
        _, ends, text = column.buffers()
        places = np.zeros(1, number) if ends is None or not ends.size else np.frombuffer(ends, number)
        return cls(
            places[column.offset : column.offset + len(column) + 1],
            memoryview(b"" if text is None else text),
            column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else None,
        )

    def at(self, rows: Rows) -> list[str | None]:
        """Return the texts of rows [m], each in 0..n - 1; None where there is none."""
        text = self.text
        spans = zip(self.ends[rows].tolist(), self.ends[rows + 1].tolist(), strict=True)
        found: Iterable[str] = (str(text[first:last], "utf-8") for first, last in spans)
        if self.there is None:
            return list(found)
        return [name if known else None for name, known in zip(found, self.there[rows].tolist(), strict=True)]
