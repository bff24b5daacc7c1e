"""What DuckDB computes for the lake."""

from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from crossfade.lake.engine_duckdb import DuckDbEngine, engine

SCHEMA = pa.schema([("number", pa.int64())])


def table(session: DuckDbEngine, file: Path, numbers: list[int]) -> ir.Table:
    pq.write_table(pa.table({"number": numbers}, schema=SCHEMA), file)
    return session.table([file], SCHEMA)


def made(session: DuckDbEngine) -> list[str]:
    """Return the tables that were made for streams."""
    found = session._connection.raw_sql(
        "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'laid_out%'"
    )
    return [name for (name,) in found.fetchall()]


def test_a_union_is_streamed_from_a_table_that_is_gone_afterwards(tmp_path: Path) -> None:
    # Streamed itself, it may never end: duckdb/duckdb#22215.
    with engine(tmp_path) as session:
        few, more = table(session, tmp_path / "few", [1]), table(session, tmp_path / "more", [2, 3])
        found = session.batches(few.union(more), SCHEMA)
        assert made(session) == ["laid_out_1"]
        assert sorted(found.read_all().column("number").to_pylist()) == [1, 2, 3]
        assert made(session) == []


def test_what_is_ordered_is_streamed_as_it_comes(tmp_path: Path) -> None:
    with engine(tmp_path) as session:
        found = session.batches(table(session, tmp_path / "rows", [3, 1, 2]).order_by("number"), SCHEMA)
        assert made(session) == []
        assert found.read_all().column("number").to_pylist() == [1, 2, 3]
