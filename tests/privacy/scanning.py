"""Looks for a name in every byte below directories, and in what compressed files decode to."""

import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq


def forms(*names: str) -> list[bytes]:
    """Return names as UTF-8, UTF-16 and hex digits, and as JSON would escape them."""
    texts = [*names, *(name.encode("unicode_escape").decode() for name in names)]
    found = [text.encode(code) for text in texts for code in ("utf-8", "utf-16-le", "utf-16-be")]
    return [*found, *(name.encode().hex().encode() for name in names)]


def hits(names: list[str], *places: Path) -> list[str]:
    """Return the files that hold one of the names, in any form."""
    wanted = forms(*names)
    files = sorted(file for place in places for file in place.rglob("*") if file.is_file())
    return [
        str(file) for file in files if any(name in content for content in _contents(file) for name in wanted)
    ]


def _contents(file: Path) -> Iterator[bytes]:
    yield file.name.encode()
    yield file.read_bytes()
    if file.suffix == ".parquet":
        yield from _rows(pq.read_table(file))
    elif file.suffix == ".arrow":
        with pa.memory_map(str(file)) as source:
            yield from _rows(pa.ipc.open_file(source).read_all())
    elif file.name == "data.mdb":
        yield from _slates(file)
    elif file.suffix == ".db":
        with sqlite3.connect(file) as database:
            yield "\n".join(database.iterdump()).encode()


def _rows(table: pa.Table) -> Iterator[bytes]:
    for row in table.to_pylist():
        yield repr(row).encode()


def _slates(file: Path) -> Iterator[bytes]:
    environment = lmdb.open(str(file.parent), readonly=True, lock=False)
    with environment.begin() as transaction:
        for key, value in transaction.cursor():
            yield key + zlib.decompress(value)
    environment.close()
