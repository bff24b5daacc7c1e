"""What a table's making reads of days that are replaced just now."""

from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake.changes import REPLACED
from crossfade.lake.days import as_note
from crossfade.lake.engine_duckdb import engine
from crossfade.lake.lake import GOLD, Lake
from crossfade.lake.making import Making, schema_of
from crossfade.lake.still import StillLake
from crossfade.schema import columns as c
from crossfade.schema.settings import default_settings
from tests.lake.rows import arrow

NAME = "track_days"
TABLE = f"{GOLD}/{NAME}"
SCHEMA = schema_of(TABLE)


def rows(listens: int, *days: int) -> pa.Table:
    return arrow([{c.TRACK_ID: "t", c.DAY: date(2026, 1, day), "listens": listens} for day in days], SCHEMA)


def test_replaced_days_are_at_hand_before_they_are_written(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    for days in ((1, 2), (3, 4)):
        lake.append(GOLD, NAME, rows(1, *days))
    still, go_on = StillLake(lake.path), Event()
    replaced = frozenset({date(2026, 1, 2), date(2026, 1, 3)})

    def write(to: Lake) -> None:
        assert go_on.wait(10)
        where = "day >= DATE '2026-01-02' AND day < DATE '2026-01-04'"
        to.replace(GOLD, NAME, rows(5, 2, 3), where, {REPLACED: as_note(replaced)})

    with engine(tmp_path) as session:
        making = Making(still, session, default_settings(), since={TABLE: 1})

        def found(table: ir.Table) -> list[Any]:
            told = session.rows(table.select(c.DAY, "listens")).sort_by(c.DAY)
            return [(row[c.DAY].day, row["listens"]) for row in told.to_pylist()]

        def check() -> None:
            assert found(making.table(TABLE)) == [(1, 1), (2, 5), (3, 5), (4, 1)]
            assert found(making.table(TABLE, frozenset({date(2026, 1, 3)}))) == [(3, 5)]
            assert found(making.table(TABLE, frozenset({date(2026, 1, 3), date(2026, 1, 4)}))) == [
                (3, 5),
                (4, 1),
            ]
            assert found(making.beside(TABLE, replaced)) == [(1, 1), (4, 1)]
            assert making.replaced(TABLE) == replaced
            assert not making.is_unchanged(TABLE)

        with still.writing_behind():
            kept = session.table(lake.files(GOLD, NAME), SCHEMA)
            kept = kept.filter(kept[c.DAY].day().isin([2, 3])).mutate(listens=kept.listens + 4)
            still.write_behind(TABLE, replaced, session.kept("written", kept), write)
            check()
            go_on.set()
        assert lake.version(GOLD, NAME) == 2
        check()
