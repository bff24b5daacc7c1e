"""Texts of a long column, a few of which are read at a time."""

import numpy as np
import pyarrow as pa
import pytest

from crossfade.schema.texts import Texts

NAMES = ["one", None, "", "drei é", "vier", None, "🎵"]


def read(column: pa.Array) -> list[str | None]:
    return Texts.of(column).at(np.arange(len(column), dtype=np.int32))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_texts_are_those_of_arrow(kind: pa.DataType) -> None:
    column = pa.array(NAMES, pa.string()).cast(kind)
    assert read(column) == NAMES
    assert read(column[2:5]) == NAMES[2:5]
    assert read(column.take([0, 3, 6])) == ["one", "drei é", "🎵"]


def test_rows_come_in_the_order_in_which_they_are_asked_for() -> None:
    assert Texts.of(pa.array(NAMES)).at(np.array([6, 1, 0, 6], np.int32)) == ["🎵", None, "one", "🎵"]


@pytest.mark.parametrize("column", [pa.array([], pa.string()), pa.array([None, None], pa.string())])
def test_columns_without_texts(column: pa.Array) -> None:
    assert read(column) == [None] * len(column)
    assert Texts.of(column).at(np.zeros(0, np.int32)) == []
