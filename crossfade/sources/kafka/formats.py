"""Messages as columns, whatever they are written in: JSON, or Avro with the schema files of its writers."""

import base64
import io
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, MissingExtraError, NotFoundError
from crossfade.schema.tables import EVENTS
from crossfade.sources.canonical import canonical_fields
from crossfade.sources.chunks import REFUSED_SCHEMA, Chunk, refusals
from crossfade.sources.json_lines import Objects, parsed
from crossfade.sources.kafka.batch import Value
from crossfade.sources.text import decoded

JSON: Final = "json"
AVRO: Final = "avro"
FORMATS: Final = (JSON, AVRO)
EMPTY: Final = "message is empty"
NOT_AVRO: Final = "message is not Avro of a given schema"
SINGLE_OBJECT: Final = (
    b"\xc3\x01"  # Avro 1.11, "Single-object encoding": then 8 bytes of the schema's fingerprint
)
FINGERPRINT: Final = "CRC-64-AVRO"

_FIELDS: Final = canonical_fields(EVENTS)
_GARBAGE: Final = (
    EOFError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    RecursionError,
    struct.error,
)  # fmt: skip  (what fastavro raises on bytes that are not of the schema)


@dataclass(frozen=True)
class Decoded:
    """Messages [n] as rows of events.

    Args:
        chunk: Rows to conform, and refused ones; their source rows are places among the messages.
        extras: [n] strings: what the message has besides, as one JSON object; null where it has nothing.
    """

    chunk: Chunk
    extras: pa.Array


Decode = Callable[[Sequence[Value]], Decoded]


def decoder(form: str, schema_files: Sequence[Path] = ()) -> Decode:
    """Return what reads messages of a format.

    Args:
        form: One of `FORMATS`.
        schema_files: Avro schemas that messages may have been written with. A message in single-object encoding names its own;
            any other is read by the last one.

    Raises:
        InputError: The format is unknown, Avro comes without a schema, JSON with one, or a schema file cannot be read.
        NotFoundError: A schema file does not exist.
        MissingExtraError: fastavro is not installed.
    """
    if form not in FORMATS:
        raise InputError(f"There is no format {form}; known are {', '.join(FORMATS)}.")
    if form == JSON and schema_files:
        raise InputError(
            f"JSON needs no schema file, got {schema_files[0]}; leave it out or name --format avro."
        )
    if form == AVRO and not schema_files:
        raise InputError("Avro needs the schema that messages are written with, got none; add --schema FILE.")
    return _json if form == JSON else _avro_decoder(schema_files)


def _json(values: Sequence[Value]) -> Decoded:
    texts, repaired = decoded(pa.array(values, pa.binary()))
    return _of_texts(texts, repaired)


def _of_texts(texts: pa.Array, repaired: int) -> Decoded:
    places = pa.array(np.arange(len(texts)))
    if len(texts) and b"\n" in texts.buffers()[2].to_pybytes():
        # Outside of strings it is white space, and within them JSON has none.
        texts = pc.replace_substring_regex(texts, r"[\r\n]", " ")
    filled = pc.fill_null(pc.greater(pc.binary_length(pc.utf8_trim_whitespace(texts)), 0), False)
    empty = pc.invert(filled)
    refused = refusals(places.filter(empty), EMPTY, pc.fill_null(texts.filter(empty), ""))
    found = parsed(texts.filter(filled), places.filter(filled), _FIELDS, repaired)
    chunk = Chunk(
        EVENTS,
        found.columns,
        found.source_rows,
        raw=found.raw,
        refused=pa.concat_tables([refused, found.refused]),
        repaired=repaired,
    )
    return Decoded(chunk, _extras(found, len(texts)))


def _extras(found: Objects, num_messages: int) -> pa.Array:
    extras: list[str | None] = [None] * num_messages
    places = found.source_rows.filter(found.has_others).to_pylist()
    for place, text in zip(places, found.texts.filter(found.has_others).to_pylist(), strict=True):
        others = {
            key: value for key, value in json.loads(text).items() if key not in _FIELDS and value is not None
        }
        written = json.dumps(others, ensure_ascii=False)
        extras[place] = written.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair
    return pa.array(extras, pa.string())


def _avro_decoder(files: Sequence[Path]) -> Decode:
    schemas = _schemas(files)
    last = list(schemas.values())[-1]
    from fastavro import schemaless_reader

    def text(value: Value) -> str | None:
        """Return a message as JSON text; None where it cannot be read."""
        written = schemas.get((value or b"")[: len(SINGLE_OBJECT) + 8])
        content = io.BytesIO(value or b"")
        content.seek(len(SINGLE_OBJECT) + 8 if written else 0)
        try:
            datum = schemaless_reader(content, written or last, None)
        except _GARBAGE:
            return None
        is_whole = not content.read(1)
        return json.dumps(datum, default=_plain) if is_whole and isinstance(datum, dict) else None

    def read(values: Sequence[Value]) -> Decoded:
        texts = [text(value) if value else "" for value in values]
        return _with_refused(
            _of_texts(pa.array([each or "" for each in texts], pa.string()), 0), texts, values
        )

    return read


def _with_refused(found: Decoded, texts: list[str | None], values: Sequence[Value]) -> Decoded:
    """Give messages that are not Avro their own reason, and their bytes as Base64."""
    places = [place for place, text in enumerate(texts) if text is None]
    if not places:
        return found
    raw = [json.dumps({"base64": base64.b64encode(values[place] or b"").decode()}) for place in places]
    other = found.chunk.refused.filter(
        pc.invert(pc.is_in(found.chunk.refused.column(c.SOURCE_ROW), pa.array(places)))
    )
    reasons, nothing = [NOT_AVRO] * len(places), [""] * len(places)
    mine = pa.table([pa.array(places), reasons, nothing, nothing, raw], schema=REFUSED_SCHEMA)
    chunk = found.chunk
    refused = pa.concat_tables([other, mine])
    return Decoded(
        Chunk(chunk.table, chunk.rows, chunk.source_rows, raw=chunk.raw, refused=refused), found.extras
    )


def _schemas(files: Sequence[Path]) -> Mapping[bytes, Any]:
    """Return header of single-object encoding -> parsed schema, in the order of the files."""
    try:
        from fastavro.schema import SchemaParseException, fingerprint, parse_schema, to_parsing_canonical_form
    except ImportError as error:
        raise MissingExtraError("fastavro", "kafka") from error
    schemas = {}
    for file in files:
        if not file.is_file():
            raise NotFoundError(f"There is no schema file {file}.")
        try:
            schema = json.loads(file.read_text("utf-8"))
            if not isinstance(schema, dict) or schema.get("type") != "record":
                raise ValueError("an event is a record")
            parsed_schema = parse_schema(schema)
            mark = bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), FINGERPRINT))
        except (ValueError, SchemaParseException, KeyError, TypeError) as error:
            raise InputError(
                f"{file} is not an Avro schema: {error!r}; name a file of JSON that is one."
            ) from error
        schemas[SINGLE_OBJECT + mark] = parsed_schema
    return schemas


def _plain(value: object) -> str:
    """Return a logical type's value as JSON can hold it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
