"""What DuckDB computes for the lake."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ibis.backends.duckdb import Backend

from crossfade.lake.build import refresh
from crossfade.lake.engine_duckdb import DuckDbEngine, engine
from crossfade.lake.lake import BRONZE, Lake
from crossfade.schema import columns as c
from crossfade.schema.settings import parse_settings
from crossfade.schema.tables import EVENTS
from tests.lake.growing import DAY
from tests.lake.rows import Row, bronze, minute

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


def test_a_view_is_named_once_for_equal_expressions(tmp_path: Path) -> None:
    with engine(tmp_path) as session:
        rows = table(session, tmp_path / "rows", [1, 2, 3])
        one, same, other = (session.view("some", rows.filter(rows.number > least)) for least in (1, 1, 2))
        assert (one.get_name(), same.get_name(), other.get_name()) == ("some_1", "some_1", "some_2")
        assert session.counts(one, other) == [2, 1]


def test_what_is_kept_is_streamed_in_its_order_while_the_session_goes_on(tmp_path: Path) -> None:
    with engine(tmp_path) as session:
        kept, aside = session.aside(
            "kept", table(session, tmp_path / "rows", [3, 1, 2]).order_by("number"), SCHEMA
        )
        with ThreadPoolExecutor(1) as other:
            found = other.submit(aside.read_all)
            assert session.count(kept) == 3
        assert found.result().column("number").to_pylist() == [1, 2, 3]


def test_another_day_is_compiled_by_its_own_views_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, compiled, compile_rows = Lake.create(tmp_path / "lake"), list[str](), Backend.compile

    def noting(self: Backend, *arguments: Any, **keywords: Any) -> str:
        compiled.append(compile_rows(self, *arguments, **keywords))
        return compiled[-1]

    settings = parse_settings("", ["lake.rebuild_rows=0", "lake.reopen_share=1"])
    for day in range(1, 6):
        play: Row = {c.EVENT_ID: f"{day}", c.USER_ID: "u", c.TRACK_ID: "t", c.TIMESTAMP: minute(day * DAY)}
        about: Row = {c.IMPORTED_AT: minute((day + 1) * DAY), c.SOURCE_FILE: f"{day}"}
        lake.append(BRONZE, EVENTS.name, bronze([play | about]))
        compiled.clear()
        monkeypatch.setattr(Backend, "compile", noting)
        assert "gold/interactions" in refresh(lake, settings).written
    assert compiled
    own = ('"files_', '"empty_', "MAKE_DATE", "MAKE_TIMESTAMP")  # what tells files or days
    assert [sql for sql in compiled if not any(each in sql for each in own)] == []
