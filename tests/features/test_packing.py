"""Packed features come back bit by bit; another layout is refused."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from crossfade.features.definitions import COUNTRY_TRACK, TRACK, Kind, Window
from crossfade.features.packing import Layout, keys_of
from crossfade.features.stored import schema_of
from crossfade.schema.errors import IntegrityError

LAYOUT = Layout.of(TRACK)
VALUES = [
    ("a", 3.0, 1.0, 2.0, 2.0, 0.1, float("nan"), 1_790_000_000),
    ("b", 0.0, 0.0, 0.0, 0.0, 0.2, 0.3, -1),
]


def table() -> pa.Table:
    schema = schema_of(TRACK)
    return pa.table([pa.array(column) for column in zip(*VALUES, strict=True)], names=schema.names).cast(
        schema
    )


def test_values_come_back_bit_by_bit() -> None:
    packed = LAYOUT.unpack(LAYOUT.pack(table()))
    for name in schema_of(TRACK).names[1:]:
        np.testing.assert_array_equal(packed[name], table().column(name).to_numpy(), name)


def test_a_value_is_the_digest_and_its_numbers() -> None:
    value = LAYOUT.pack(table())[0]
    assert len(value) == 4 + 6 * 4 + 8
    assert value[:4] == LAYOUT.digest
    assert np.frombuffer(value[4:8], "<f4")[0] == 3
    assert np.frombuffer(value[-8:], "<i8")[0] == 1_790_000_000


def test_what_is_missing_is_nan_or_minus_one() -> None:
    row = LAYOUT.unpack([None])[0]
    assert np.isnan(row["track_listens"])
    assert row["track_first_seconds"] == -1
    assert len(LAYOUT.unpack([])) == 0


def test_the_digest_changes_with_whatever_changes_a_value() -> None:
    first, second, *rest = LAYOUT.features
    others = [
        (replace(first, name="plays"), second, *rest),
        (replace(first, kind=Kind.INT64), second, *rest),
        (replace(first, window=Window.WEEK), second, *rest),
        (second, first, *rest),
        (first, second),
    ]
    digests = {Layout(TRACK, features).digest for features in others}
    assert len(digests) == len(others)
    assert LAYOUT.digest not in digests
    assert (
        Layout(TRACK, (replace(first, description="Told otherwise."), second, *rest)).digest == LAYOUT.digest
    )


def test_another_layout_and_a_cut_value_are_refused() -> None:
    first, *rest = LAYOUT.features
    other = Layout(TRACK, (replace(first, window=Window.WEEK), *rest))
    with pytest.raises(
        IntegrityError, match=rf"must be 36 bytes of layout {LAYOUT.digest.hex()}, got 36 bytes of layout"
    ):
        LAYOUT.unpack(other.pack(table()))
    with pytest.raises(IntegrityError, match="got 35 bytes"):
        LAYOUT.unpack([LAYOUT.pack(table())[0][:-1]])


def test_keys_name_the_entity_and_all_its_ids() -> None:
    assert keys_of(COUNTRY_TRACK, [["SE", "NO"], ["ü1", "t2"]]) == [
        b"country_track\0SE\0\xc3\xbc1",
        b"country_track\0NO\0t2",
    ]
