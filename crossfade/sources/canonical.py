"""Readers of files in the canonical schema: Parquet, CSV and JSON Lines, told apart by their ending."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from crossfade.schema.tables import Table
from crossfade.sources.casts import is_list
from crossfade.sources.chunks import REFUSED_SCHEMA, Chunk, refusals
from crossfade.sources.conform import column_names
from crossfade.sources.files import BLOCK_BYTES, CSV, GZIP, PARQUET, faults_named, opened
from crossfade.sources.json_lines import json_chunks
from crossfade.sources.json_values import Field
from crossfade.sources.text import decoded

BATCH_ROWS: Final = 1 << 17
LIST_SEPARATOR: Final = "|"  # between the values of a list in CSV
WRONG_WIDTH: Final = "row has another number of columns than the header"


def reader(table: Table) -> Callable[[Path], Iterator[Chunk]]:
    """Return a reader of one canonical table that takes any of the formats."""

    def read(path: Path) -> Iterator[Chunk]:
        name = path.name.lower()
        if name.endswith(PARQUET):
            return _parquet(path, table)
        if name.removesuffix(GZIP).endswith(CSV):
            return _csv(path, table)
        return json_chunks(path, table, canonical_fields(table))

    return read


def canonical_fields(table: Table) -> dict[str, Field]:
    """Return the canonical columns and their aliases as top-level fields."""
    types = {field.name: field.type for field in table.schema}
    types |= {alias: types[name] for alias, name in table.aliases.items()}
    return {name: Field((name,), kind) for name, kind in types.items()}


def _parquet(path: Path, table: Table) -> Iterator[Chunk]:
    with faults_named(path), pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        wanted = sorted(set(column_names(names, table).values()), key=names.index)
        ignored = tuple(name for name in names if name not in wanted)
        if not wanted or not file.metadata.num_rows:
            yield Chunk(
                table, file.schema_arrow.empty_table(), pa.array([], pa.int64()), typed=True, ignored=ignored
            )
            return
        done = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=wanted):
            numbers = pa.array(np.arange(done + 1, done + len(batch) + 1))
            yield Chunk(table, pa.Table.from_batches([batch]), numbers, typed=True, ignored=ignored)
            done += len(batch)


def _csv(path: Path, table: Table) -> Iterator[Chunk]:
    names = _header(path)
    wanted = sorted(set(column_names(names, table).values()), key=names.index)
    ignored = tuple(name for name in names if name not in wanted)
    kinds = {field.name: field.type for field in table.schema}
    kinds |= {alias: kinds[name] for alias, name in table.aliases.items()}
    invalid: list[pa.csv.InvalidRow] = []

    def skipped(row: pa.csv.InvalidRow) -> str:
        invalid.append(row)
        return "skip"

    with opened(path) as handle:
        batches = pa.csv.open_csv(
            handle,
            # One thread, so that refused rows know their numbers.
            pa.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skipped),
            pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.binary()),
                include_columns=wanted or names,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        done, told = 0, 0
        for batch in batches:
            known = invalid[:]  # the reader goes on meanwhile, and finds more
            columns, repaired = _texts(batch, kinds)
            numbers = _row_numbers(done, len(batch), np.array([row.number for row in known], np.int64))
            refused = _wrong_widths(known[told:])
            yield Chunk(table, columns, numbers, refused=refused, repaired=repaired, ignored=ignored)
            done, told = done + len(batch), len(known)
        if told < len(invalid) or not done:
            none = pa.table({name: pa.array([], pa.string()) for name in names})
            refused = _wrong_widths(invalid[told:])
            yield Chunk(table, none, pa.array([], pa.int64()), refused=refused, ignored=ignored)


def _header(path: Path) -> list[str]:
    with opened(path) as handle:
        line, _ = decoded(pa.array([handle.readline()], pa.binary()))
    return next(csv.reader([line[0].as_py().removeprefix("\ufeff")]), [])


def _texts(batch: pa.RecordBatch, kinds: dict[str, pa.DataType]) -> tuple[pa.Table, int]:
    """Decode the columns, and split those that hold lists."""
    columns, repaired = {}, 0
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        text, count = decoded(column)
        repaired += count
        columns[name] = (
            pc.split_pattern(text, LIST_SEPARATOR) if is_list(kinds.get(name, pa.string())) else text
        )
    return pa.table(columns), repaired


def _row_numbers(done: int, count: int, invalid: npt.NDArray[np.int64]) -> pa.Array:
    """Return the numbers, from 1, of `count` rows after `done` good ones.

    The CSV reader counts the header, and calls refused rows by their number among all rows; the k-th of them (from 0) stands
    after `number - 2 - k` good ones.
    """
    places = np.arange(done, done + count)
    before = np.searchsorted(invalid - 2 - np.arange(len(invalid)), places, side="right")
    return pa.array(places + 1 + before)


def _wrong_widths(rows: list[pa.csv.InvalidRow]) -> pa.Table:
    if not rows:
        return REFUSED_SCHEMA.empty_table()
    return refusals(
        pa.array([row.number - 1 for row in rows], pa.int64()),
        WRONG_WIDTH,
        pa.array([row.text for row in rows]),
    )
