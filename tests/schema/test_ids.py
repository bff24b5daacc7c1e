"""External ids and rows are converted once, both ways, and unknown ids are -1."""

import numpy as np
import pyarrow as pa
import pytest

from crossfade.schema.ids import FEW_IDS, IdMap


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


def test_ids_of_a_large_map_are_found_byte_by_byte() -> None:
    random = np.random.default_rng(0)
    letters = np.array([*"abyz", "é", "漢", "🎵", "\0"])
    names = {"".join(random.choice(letters, random.integers(1, 7))) for _ in range(3000)}
    ids = IdMap.of([*names, "user", "user1", "user10", ""])
    assert len(ids) > FEW_IDS
    known = ids.ids.to_pylist()
    few = [
        *random.choice(known, 300),
        known[0],
        known[-1],
        "use",
        "user2",
        "",
        "~~",
        "\ud800",
        "漢字漢字漢字漢",
    ]
    expected = [known.index(name) if name in known else -1 for name in few]
    assert ids.rows(few).tolist() == expected
    assert ids.rows(pa.array([None, "user1", None], pa.string())).tolist() == [-1, known.index("user1"), -1]
    part = IdMap(ids.ids[100:])
    assert part.rows([known[99], known[100], known[-1]]).tolist() == [-1, 0, len(known) - 101]
    assert ids.rows([]).tolist() == []
