"""JSON and Avro become rows; what cannot be read is refused by itself, what is not known is kept."""

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.sources.kafka.batch import Value
from crossfade.sources.kafka.formats import Decode, Decoded, decoder

FIELDS_1 = [
    {"name": "user_id", "type": "string"},
    {"name": "track_id", "type": "string"},
    {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}},
]
FIELDS_2 = [
    *FIELDS_1,
    {"name": "played_ms", "type": ["null", "long"], "default": None},
    {"name": "mood", "type": "string"},
]
EVENT = {"user_id": "u", "track_id": "t", "timestamp": 1_700_000_000_000}


def read(values: list[Value], decode: Decode | None = None) -> Decoded:
    return (decode or decoder("json"))(values)


def column(decoded: Decoded, name: str) -> dict[int, Any]:
    """Return place -> value."""
    places, values = decoded.chunk.source_rows.to_pylist(), decoded.chunk.rows.column(name).to_pylist()
    return dict(zip(places, values, strict=True))


def reasons(decoded: Decoded) -> dict[int, str]:
    refused = decoded.chunk.refused
    return dict(
        zip(refused.column(c.SOURCE_ROW).to_pylist(), refused.column(c.REASON).to_pylist(), strict=True)
    )


def as_json(**event: object) -> bytes:
    return json.dumps(event).encode()


def test_json_is_read_and_unknown_fields_are_kept() -> None:
    found = read(
        [as_json(user_id="u", track_id="t"), as_json(user_id="v", track_id="t", mood={"a": [1, 1.0]}, b=None)]
    )
    assert column(found, "user_id") == {0: "u", 1: "v"}
    assert [each and json.loads(each) for each in found.extras.to_pylist()] == [
        None,
        {"mood": {"a": [1, 1.0]}},
    ]
    assert reasons(found) == {}


def test_unknown_fields_of_mixed_types_are_kept_too() -> None:
    found = read(
        [as_json(user_id="u", track_id="t", mood=1), as_json(user_id="v", track_id="t", mood="calm")]
    )
    assert found.extras.to_pylist() == ['{"mood": 1}', '{"mood": "calm"}']
    assert column(found, "user_id") == {0: "u", 1: "v"}


def test_a_message_over_several_lines_is_one_message() -> None:
    found = read(
        [json.dumps({"user_id": "u", "track_id": "t", "mood": 1}, indent=2).replace("\n", "\r\n").encode()]
    )
    assert column(found, "track_id") == {0: "t"}
    assert found.extras.to_pylist() == ['{"mood": 1}']


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "message is empty"),
        (b"", "message is empty"),
        (b" \n", "message is empty"),
        (b"nonsense", "line is not a JSON object"),
        (b"{}\n{}", "line is not a JSON object"),
        (b"[1]", "line is not a JSON object"),
        (b'{"user_id": "u"', "line is not a JSON object"),
        (b"[" * 200_000, "line is not a JSON object"),
        (b'{"user_id": {"a": 1}, "track_id": "t"}', "user_id is an object or a list in a wrong place"),
        (b"\xff\xfe", "line is not a JSON object"),
        (b"\x00\x01", "line is not a JSON object"),
    ],
)
def test_poison_is_refused_and_its_neighbours_are_not(value: Value, reason: str) -> None:
    good = as_json(user_id="u", track_id="t", played_ms=7)
    found = read([good, value, good])
    assert reasons(found) == {1: reason}
    assert column(found, "user_id") == {0: "u", 2: "u"}
    alone = read([value])
    assert reasons(alone) == {0: reason}
    assert column(alone, "user_id") == {}


def test_blank_and_double_messages_do_not_shift_their_neighbours() -> None:
    found = read([b"", b"{} {}", as_json(user_id="u", track_id="t")])
    assert column(found, "user_id") == {2: "u"}
    assert set(reasons(found)) == {0, 1}


def test_a_value_of_a_type_that_no_row_may_have_is_read_as_text_to_be_judged_by_row() -> None:
    found = read(
        [as_json(user_id="u", track_id="t", played_ms=True), as_json(user_id=1, track_id="t", played_ms=5)]
    )
    assert column(found, "played_ms") == {0: "true", 1: "5"}
    assert column(read([as_json(user_id="u", track_id="t", played_ms=True)]), "played_ms") == {0: "true"}


def schema_file(directory: Path, name: str, fields: list[dict[str, object]]) -> Path:
    schema = {"type": "record", "name": "Event", "fields": fields}
    (directory / name).write_text(json.dumps(schema), "utf-8")
    return directory / name


def avro(file: Path, event: dict[str, object], *, single: bool) -> bytes:
    schema = json.loads(file.read_text("utf-8"))
    written = io.BytesIO()
    fastavro.schemaless_writer(written, fastavro.parse_schema(schema), event)
    form = fastavro.schema.to_parsing_canonical_form(schema)
    mark = bytes.fromhex(fastavro.schema.fingerprint(form, "CRC-64-AVRO"))
    return (b"\xc3\x01" + mark if single else b"") + written.getvalue()


def test_avro_is_read_by_the_schema_that_it_names_or_by_the_last(tmp_path: Path) -> None:
    old, new = schema_file(tmp_path, "1.avsc", FIELDS_1), schema_file(tmp_path, "2.avsc", FIELDS_2)
    values = [
        avro(old, EVENT, single=True),
        avro(new, {**EVENT, "played_ms": 5, "mood": "calm"}, single=True),
        avro(new, {**EVENT, "mood": "sad"}, single=False),
    ]
    found = read(values, decoder("avro", [old, new]))
    assert column(found, "user_id") == {0: "u", 1: "u", 2: "u"}
    assert {str(each) for each in column(found, "timestamp").values()} == {"2023-11-14T22:13:20+00:00"}
    assert list(map(str, column(found, "played_ms").values())) == ["None", "5", "None"]
    assert found.extras.to_pylist() == [None, '{"mood": "calm"}', '{"mood": "sad"}']
    assert reasons(found) == {}


def test_bytes_that_are_not_avro_are_refused_with_their_bytes(tmp_path: Path) -> None:
    file = schema_file(tmp_path, "1.avsc", FIELDS_1)
    good = avro(file, EVENT, single=True)
    values: list[Value] = [
        b"\xff" * 9,
        good,
        good + b"more",
        good[:-3],
        None,
        b"\xc3\x01unknown!" + good[10:],
    ]
    found = read(values, decoder("avro", [file]))
    assert column(found, "user_id") == {1: "u"}
    wrong = "message is not Avro of a given schema"
    assert reasons(found) == {0: wrong, 2: wrong, 3: wrong, 4: "message is empty", 5: wrong}
    assert '{"base64": "////////////"}' in found.chunk.refused.column(c.RAW).to_pylist()


def test_logical_types_of_unknown_fields_are_kept_as_text(tmp_path: Path) -> None:
    more = [
        {"name": "key", "type": "bytes"},
        {"name": "cost", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}},
    ]
    file = schema_file(tmp_path, "1.avsc", [*FIELDS_1, *more])
    from decimal import Decimal

    found = read(
        [avro(file, {**EVENT, "key": b"\x00", "cost": Decimal("1.50")}, single=False)],
        decoder("avro", [file]),
    )
    assert found.extras.to_pylist() == ['{"key": "AA==", "cost": "1.50"}']


def test_what_cannot_be_a_decoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no format xml; known are json, avro"):
        decoder("xml")
    with pytest.raises(InputError, match=r"JSON needs no schema file, got .*a\.avsc"):
        decoder("json", [tmp_path / "a.avsc"])
    with pytest.raises(InputError, match="got none; add --schema FILE"):
        decoder("avro")
    with pytest.raises(NotFoundError, match=r"no schema file .*a\.avsc"):
        decoder("avro", [tmp_path / "a.avsc"])
    for text in ("no json", '{"type": "nothing"}', "[]"):
        (tmp_path / "a.avsc").write_text(text, "utf-8")
        with pytest.raises(InputError, match=r"a\.avsc is not an Avro schema"):
            decoder("avro", [tmp_path / "a.avsc"])
