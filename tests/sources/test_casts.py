"""Columns of any accepted type become canonical; single unreadable values become null and are marked."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from crossfade.schema.tables import STRINGS, TIMESTAMP_TYPE
from crossfade.sources.casts import accepts, cast

FLOATS = pa.list_(pa.float32())
MOMENT = datetime(2009, 5, 4, 23, 8, 57, tzinfo=UTC)
SECONDS = int(MOMENT.timestamp())


def both(
    values: list[object], target: pa.DataType, kind: pa.DataType | None = None
) -> tuple[list[object], list[int]]:
    """Return the cast values, and the places of those that were unreadable."""
    result, unreadable = cast(pa.array(values, kind), target)
    assert result.type == target
    return result.to_pylist(), [] if unreadable is None else np.flatnonzero(
        unreadable.to_numpy(False)
    ).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "2009-05-04T23:08:57Z",
        "2009-05-04 23:08:57",
        "2009-05-04T23:08:57",
        "2009-05-05T01:08:57+02:00",
        "2009-05-04 18:08:57 -0500",
        "2009-05-04 23:08:57 UTC",
        "2009-05-04T23:08:57.000000000Z",
        " 2009-05-04T23:08:57z ",
        str(SECONDS),
        f"{SECONDS}.0",
        f"{SECONDS}000",
        f"{SECONDS}000000",
        f"{SECONDS}000000000",
    ],
)
def test_texts_of_one_moment_in_any_zone_and_unit(text: str) -> None:
    assert both([text], TIMESTAMP_TYPE) == ([MOMENT], [])


def test_a_column_may_mix_zones_numbers_and_days_and_only_the_unreadable_is_null() -> None:
    values = [
        "2009-05-04T23:08:57Z",
        "2009-05-04",
        "yesterday",
        None,
        "",
        str(SECONDS),
        "2009-13-04T00:00:00Z",
    ]
    found, unreadable = both(values, TIMESTAMP_TYPE)
    assert found == [MOMENT, datetime(2009, 5, 4, tzinfo=UTC), None, None, None, MOMENT, None]
    assert unreadable == [2, 6]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([SECONDS], pa.int64()),
        ([SECONDS], pa.int32()),
        ([float(SECONDS)], pa.float64()),
        ([SECONDS * 1000], pa.int64()),
        ([SECONDS * 10**6], pa.int64()),
        ([SECONDS * 10**9], pa.int64()),
        ([MOMENT.replace(tzinfo=None)], pa.timestamp("ns")),
        ([MOMENT], pa.timestamp("s", tz="America/New_York")),
    ],
)
def test_numbers_and_timestamps_of_one_moment_in_any_unit(values: list[object], kind: pa.DataType) -> None:
    assert both(values, TIMESTAMP_TYPE, kind) == ([MOMENT], [])


def test_numbers_that_are_no_time_are_marked_and_nan_is_missing() -> None:
    assert both([1e40, float("inf"), float("nan"), None], TIMESTAMP_TYPE) == ([None] * 4, [0, 1])


def test_days_are_moments_at_midnight() -> None:
    assert both([date(2020, 1, 2)], TIMESTAMP_TYPE) == ([datetime(2020, 1, 2, tzinfo=UTC)], [])


def test_whole_numbers_of_text_floats_and_wider_types() -> None:
    assert both(["1", "2.0", " 3 ", "x", "", "99999999999999999999"], pa.int64()) == (
        [1, 2, 3, None, None, None],
        [3, 5],
    )
    assert both([1.4, 2.6, float("nan"), float("inf")], pa.int64()) == ([1, 3, None, None], [3])
    assert both([1, 2**40], pa.int32()) == ([1, None], [1])


def test_numbers_and_truths() -> None:
    assert both(["0.5", "x", "inf"], pa.float64()) == ([0.5, None, None], [1, 2])
    assert both(["true", "0", "False", "maybe"], pa.bool_()) == ([True, False, False, None], [3])
    assert both([0, 1, 2], pa.bool_()) == ([False, True, None], [2])


def test_dates_may_be_years_months_days_or_moments() -> None:
    values = ["1999", "1999-05", "1999-05-06", "1999-05-06T07:08:09Z", "1999-00-00", "old"]
    first, may = date(1999, 1, 1), date(1999, 5, 6)
    assert both(values, pa.date32()) == ([first, date(1999, 5, 1), may, may, None, None], [4, 5])
    assert both([1999, 19990], pa.date32()) == ([first, None], [1])
    assert both([datetime(1999, 5, 6, 7)], pa.date32()) == ([may], [])


def test_text_of_whole_numbers_dictionaries_and_nothing() -> None:
    assert both([1, None], pa.string()) == (["1", None], [])
    assert both(["a", ""], pa.string(), pa.dictionary(pa.int8(), pa.string())) == (["a", None], [])
    assert both([None, None], pa.string(), pa.null()) == ([None, None], [])
    assert both([None], STRINGS, pa.null()) == ([None], [])


def test_lists_of_text_lose_missing_elements_and_single_values_become_lists() -> None:
    assert both([["a", None, ""], None, [], ["b"]], STRINGS) == ([["a"], None, [], ["b"]], [])
    assert both(["a", None, ""], STRINGS) == ([["a"], None, None], [])
    assert both([[1, 2], [3]], STRINGS) == ([["1", "2"], ["3"]], [])
    sliced = pa.array([["x"], ["a", "b"], None, ["c"]])[1:]
    assert cast(sliced, STRINGS)[0].to_pylist() == [["a", "b"], None, ["c"]]


def test_a_vector_without_one_of_its_numbers_is_unreadable() -> None:
    assert both([[1.0, 2.0], [1.0, float("nan")], None, []], FLOATS) == ([[1.0, 2.0], None, None, []], [1])
    assert both([["1", "x"], ["2"]], FLOATS) == ([None, [2.0]], [0])


@pytest.mark.parametrize(
    ("kind", "target", "typed", "expected"),
    [
        (pa.int64(), pa.string(), True, True),
        (pa.float64(), pa.string(), True, False),
        (pa.large_string(), pa.string(), True, True),
        (pa.dictionary(pa.int8(), pa.string()), pa.string(), True, True),
        (pa.string(), pa.int64(), True, False),
        (pa.string(), pa.int64(), False, True),
        (pa.string(), pa.float64(), True, False),
        (pa.string(), pa.bool_(), True, False),
        (pa.bool_(), pa.bool_(), True, True),
        (pa.bool_(), TIMESTAMP_TYPE, True, False),
        (pa.string(), TIMESTAMP_TYPE, True, True),
        (pa.struct([("x", pa.int8())]), pa.string(), True, False),
        (pa.list_(pa.string()), pa.string(), True, False),
        (pa.string(), STRINGS, True, True),
        (pa.list_(pa.float32(), 3), FLOATS, True, True),
        (pa.list_(pa.bool_()), STRINGS, True, False),
        (pa.null(), FLOATS, True, True),
    ],
)
def test_which_types_can_hold_a_column(
    kind: pa.DataType, target: pa.DataType, typed: bool, expected: bool
) -> None:
    assert accepts(kind, target, typed=typed) is expected
