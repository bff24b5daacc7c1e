"""Reads a file through a source, as an import does up to the lake."""

from collections import defaultdict
from pathlib import Path

from crossfade.schema import columns as c
from crossfade.sources.conform import Times, check_columns, conform
from crossfade.sources.registry import source_named
from tests.sources.test_conform import NOW

Rows = dict[str, list[dict[str, object]]]


def read(source: str, path: Path) -> tuple[Rows, list[tuple[str, int, str]], int]:
    """Return good rows by table without their nulls, refused rows as table, row and reason, and how many lines were repaired."""
    known = source_named(source)
    good: Rows = defaultdict(list)
    refused: list[tuple[str, int, str]] = []
    repaired = 0
    for chunk in known.read(path):
        name = chunk.table.name
        assert chunk.table in known.tables
        check_columns(chunk.rows.schema, chunk.table, path.name, typed=chunk.typed)
        landed, bad = conform(chunk, Times(NOW, 60, known.latest))
        good[name].extend(
            {key: value for key, value in row.items() if value is not None} for row in landed.to_pylist()
        )
        refused.extend((name, row[c.SOURCE_ROW], row[c.REASON]) for row in bad.to_pylist())
        repaired += chunk.repaired
    return good, refused, repaired
