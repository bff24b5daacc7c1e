import zlib

import pyarrow as pa
import pytest

from crossfade.schema.errors import InputError, IntegrityError
from crossfade.store.contract import Generation, StoredSlate
from crossfade.store.encoding import decode, encode, unpack
from tests.store.slates import generation, slates


def changed(column: str, values: list[list[object]]) -> pa.Table:
    table = slates("g", ["a", "b"], 2)
    place = table.schema.get_field_index(column)
    return table.set_column(place, column, pa.array(values, table.schema.field(column).type))


def read(value: bytes, user: str, about: Generation) -> StoredSlate:
    slate = decode(unpack(value, user, about))
    assert slate is not None
    return slate


def test_bytes_are_packed_as_documented() -> None:
    (value,) = encode(slates("g", ["a"], 1), generation("g"))
    numbers = bytes.fromhex("01 0100 0000803f 0000803f 00 00 0500 0000")
    assert zlib.decompress(value) == numbers + b"g/a/0"


def test_mixed_lengths_keep_their_order() -> None:
    users = [f"u{number}" for number in range(9)]
    table = slates("g", users, 3)
    decoded = [
        read(value, user, generation("g"))
        for value, user in zip(encode(table, generation("g")), users, strict=True)
    ]
    assert [list(slate.track_ids) for slate in decoded] == table.column("track_ids").to_pylist()
    assert [list(slate.reasons) for slate in decoded] == table.column("reasons").to_pylist()
    assert [slate.scores.tolist() for slate in decoded] == table.column("scores").to_pylist()


def test_texts_of_more_bytes_than_characters_come_back() -> None:
    table = changed("reasons", [["Because you love Björk", ""], ["Weil du 坂本龍一 hörst"]])
    decoded = [read(value, "a", generation("g")) for value in encode(table, generation("g"))]
    assert [list(slate.reasons) for slate in decoded] == table.column("reasons").to_pylist()
    assert [list(slate.track_ids) for slate in decoded] == table.column("track_ids").to_pylist()


def test_nothing_encodes_to_nothing() -> None:
    assert encode(slates("g", []), generation("g")) == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            changed("sources", [["two_tower", "oracle"], ["popular"]]),
            r"name \['oracle'\]; .* knows only \['two_tower', 'popular'\]",
        ),
        (
            changed("reason_kinds", [["none", "magic"], ["none"]]),
            r"name \['magic'\]; .* knows only \['none', 'listen'\]",
        ),
        (changed("reasons", [["", "x" * 65_536], [""]]), "has 65536 bytes; at most 65535 fit"),
        (changed("track_ids", [["a", None], ["b"]]), r"miss values: \{'track_ids': 1,"),
        (changed("scores", [[1.0, 0.5], None]), r"'scores': 1,"),  # type: ignore[list-item]
        (changed("scores", [[1.0, 0.5], [1.0, 0.5]]), "as long as its track_ids; not so: scores"),
    ],
)
def test_refused_slates(table: pa.Table, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encode(table, generation("g"))


def test_a_changed_byte_is_found() -> None:
    (value,) = encode(slates("g", ["a"]), generation("g"))
    for place in range(len(value)):
        changed_value = value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
        with pytest.raises(
            IntegrityError, match=r"slate of user a in generation g is damaged \(.*\); roll back"
        ):
            unpack(changed_value, "a", generation("g"))


@pytest.mark.parametrize("content", [b"", b"\x02\x00\x00"])
def test_another_version_is_refused(content: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"damaged \(its version is not 1\); roll back or publish"):
        unpack(zlib.compress(content), "a", generation("g"))
