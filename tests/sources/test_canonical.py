"""Parquet, CSV and JSON Lines of the same rows give the same events; each format's own faults are told by file and row."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.tables import EVENTS, TRACKS, Table
from crossfade.sources import canonical
from crossfade.sources.canonical import reader
from crossfade.sources.chunks import Chunk
from crossfade.sources.conform import check_columns, conform
from tests.sources.test_conform import TIMES

ROWS: list[dict[str, object]] = [
    {
        "user_id": "u",
        "track_id": "1",
        "timestamp": "2020-01-01T00:00:00Z",
        "played_ms": 1000,
        "shuffle": True,
    },
    {
        "user_id": "v",
        "track_id": "2",
        "timestamp": "2020-01-02T00:00:00Z",
        "played_ms": None,
        "shuffle": False,
    },
    {"user_id": "w", "track_id": "3", "timestamp": None, "played_ms": 3000, "shuffle": None},
]
Refused = list[tuple[int, str]]


def read(path: Path, table: Table = EVENTS) -> tuple[list[dict[str, object]], Refused]:
    """Return the good rows without their nulls, and the numbers and reasons of the refused."""
    good: list[dict[str, object]] = []
    refused: Refused = []
    for chunk in reader(table)(path):
        check_columns(chunk.rows.schema, table, path.name, typed=chunk.typed)
        landed, bad = conform(chunk, TIMES)
        good.extend(
            {key: value for key, value in row.items() if value is not None} for row in landed.to_pylist()
        )
        refused.extend((row[c.SOURCE_ROW], row[c.REASON]) for row in bad.to_pylist())
    return good, refused


def chunks(path: Path, table: Table = EVENTS) -> Iterator[Chunk]:
    return reader(table)(path)


def write_parquet(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), path.with_suffix(".parquet"), row_group_size=2)
    return path.with_suffix(".parquet")


def csv_text() -> str:
    lines = [",".join("" if value is None else str(value) for value in row.values()) for row in ROWS]
    return "\n".join([",".join(ROWS[0]), *lines]) + "\n"


def write_csv(path: Path) -> Path:
    path.with_suffix(".csv").write_text(csv_text(), "utf-8")
    return path.with_suffix(".csv")


def write_csv_gz(path: Path) -> Path:
    path.with_suffix(".csv.gz").write_bytes(
        gzip.compress(csv_text().replace("\n", "\r\n").encode("utf-8-sig"))
    )
    return path.with_suffix(".csv.gz")


def write_jsonl(path: Path) -> Path:
    path.with_suffix(".jsonl").write_text("\n".join(json.dumps(row) for row in ROWS), "utf-8")
    return path.with_suffix(".jsonl")


def write_jsonl_gz(path: Path) -> Path:
    text = "\n\n".join(
        json.dumps({key: value for key, value in row.items() if value is not None}) for row in ROWS
    )
    path.with_suffix(".jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return path.with_suffix(".jsonl.gz")


@pytest.mark.parametrize("write", [write_parquet, write_csv, write_csv_gz, write_jsonl, write_jsonl_gz])
def test_every_format_gives_the_same_rows(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    good, refused = read(write(tmp_path / "events"))
    assert refused == []
    assert [(row[c.USER_ID], row.get(c.PLAYED_MS), row.get(c.SHUFFLE)) for row in good] == [
        ("u", 1000, True),
        ("v", None, False),
        ("w", 3000, None),
    ]
    assert str(good[0][c.TIMESTAMP]) == "2020-01-01 00:00:00+00:00"
    blank_lines = write is write_jsonl_gz
    assert [row[c.SOURCE_ROW] for row in good] == ([1, 3, 5] if blank_lines else [1, 2, 3])


def test_csv_rows_know_their_numbers_across_blocks_quotes_and_broken_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical, "BLOCK_BYTES", 200)
    rows = [f'u,"t\n{n}"' if n % 5 else f"u,t,{n}" if n % 2 else "u" for n in range(1, 101)]
    (tmp_path / "f.csv").write_text("\n".join(["user_id,track_id", *rows]), "utf-8")
    assert len(list(chunks(tmp_path / "f.csv"))) > 3
    good, refused = read(tmp_path / "f.csv")
    assert all(row[c.TRACK_ID] == f"t\n{row[c.SOURCE_ROW]}" for row in good)
    assert refused == [(n, canonical.WRONG_WIDTH) for n in range(5, 101, 5)]


def test_rows_that_are_refused_while_others_are_told_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f.csv").write_text("user_id,track_id\nu,t\n", "utf-8")
    options, told, handlers = pa.csv.ParseOptions, canonical._wrong_widths, []

    def kept(**chosen: Any) -> pa.csv.ParseOptions:
        handlers.append(chosen["invalid_row_handler"])
        return options(**chosen)

    def told_while_the_reader_reads_ahead(found: list[pa.csv.InvalidRow]) -> pa.Table:
        while handlers:
            handlers.pop()(pa.csv.InvalidRow(2, 1, number=3, text="u"))
        return told(found)

    monkeypatch.setattr(pa.csv, "ParseOptions", kept)
    monkeypatch.setattr(canonical, "_wrong_widths", told_while_the_reader_reads_ahead)
    assert read(tmp_path / "f.csv")[1] == [(2, canonical.WRONG_WIDTH)]


def test_csv_lists_are_parted_by_bars_and_names_may_be_windows_1252(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(
        "track_id,title,artist_ids,genre,other\n1,Café,a|b,pop\u00fc|,x\n".encode("cp1252")
    )
    (chunk,) = chunks(tmp_path / "t.csv", TRACKS)
    assert (chunk.repaired, chunk.ignored) == (2, ("other",))
    good, _ = read(tmp_path / "t.csv", TRACKS)
    assert good == [
        {c.TRACK_ID: "1", c.TITLE: "Café", c.ARTIST_IDS: ["a", "b"], c.GENRES: ["popü"], c.SOURCE_ROW: 1}
    ]


def test_a_csv_of_broken_rows_alone_gives_them(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("user_id,track_id\nu\n", "utf-8")
    assert read(tmp_path / "f.csv") == ([], [(1, canonical.WRONG_WIDTH)])


def test_headers_and_schemas_without_rows_are_still_checked(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("user_id,track_id\n", "utf-8")
    assert read(tmp_path / "f.csv") == ([], [])
    pq.write_table(pa.table({"user_id": pa.array([], pa.string())}), tmp_path / "f.parquet")
    with pytest.raises(InputError, match=r"f.parquet: column track_id is missing"):
        read(tmp_path / "f.parquet")
    pq.write_table(pa.table({"number": [1]}), tmp_path / "g.parquet")
    with pytest.raises(InputError, match=r"g.parquet: column user_id is missing"):
        read(tmp_path / "g.parquet")


def test_a_truncated_parquet_or_an_open_quote_names_the_file(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path / "events").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut.parquet cannot be read to its end"):
        read(tmp_path / "cut.parquet")
    (tmp_path / "inside.parquet").write_bytes(whole[:8] + b"\xff" * 40 + whole[48:])
    with pytest.raises(InputError, match=r"inside.parquet cannot be read to its end"):
        read(tmp_path / "inside.parquet")


def test_parquet_ids_may_be_numbers_and_pandas_floats_may_be_lengths(tmp_path: Path) -> None:
    columns = {
        "user_id": [1, 2],
        "track_id": [3, 4],
        "played_ms": [1000.0, float("nan")],
        "timestamp": [1_600_000_000] * 2,
    }
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    good, refused = read(tmp_path / "f.parquet")
    assert refused == []
    assert [(row[c.USER_ID], row.get(c.PLAYED_MS)) for row in good] == [("1", 1000), ("2", None)]
