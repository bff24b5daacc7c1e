"""External ids and rows are converted once, both ways, and unknown ids are -1."""

import pyarrow as pa
import pytest

from crossfade.schema.ids import IdMap


def test_rows_are_positions_of_sorted_distinct_ids() -> None:
    ids = IdMap.of(["b", "a", "b", "c"])
    assert len(ids) == 3
    assert ids.rows(["c", "a", "zz"]).tolist() == [2, 0, -1]
    assert ids.names(ids.rows(["c", "zz"])) == ["c", None]


@pytest.mark.parametrize(
    "values", [["a", None], pa.array(["a", None]), pa.chunked_array([["a"], [None]], pa.string())]
)
def test_missing_ids_are_unknown_rows(values: list[str] | pa.Array | pa.ChunkedArray) -> None:
    assert IdMap.of(["a"]).rows(values).tolist() == [0, -1]


def test_an_empty_map_knows_nothing() -> None:
    assert IdMap.of([]).rows(["a"]).tolist() == [-1]
