"""Commits staged rows to the lake: one atomic append per table, each of them harmless to repeat."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake.engine import Engine
from crossfade.lake.lake import BRONZE, QUARANTINE, Lake
from crossfade.lake.layout import QUARANTINE_SCHEMA, bronze_schema
from crossfade.schema import columns as c
from crossfade.schema.tables import EVENTS, Table
from crossfade.sources import landing
from crossfade.sources.staging import ORDINAL, REFUSED, REFUSED_STAGED_SCHEMA, Staging, staged_schema

SOURCE_NOTE: Final = "crossfade.source"
_ONE_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class TableImport:
    """Where the rows of one table went: `rows_in = rows_bronze + rows_quarantined + rows_duplicate`.

    A `derived` table is made from the rows of another one: its rows in are the distinct ones.
    """

    name: str
    rows_in: int
    rows_bronze: int
    rows_quarantined: int
    rows_duplicate: int
    derived: bool

    def __str__(self) -> str:
        """Return one line for people."""
        made = " (made from the rows above)" if self.derived else ""
        return (
            f"{self.name}: {self.rows_in:,} rows in = {self.rows_bronze:,} bronze + {self.rows_quarantined:,} quarantined"
            f" + {self.rows_duplicate:,} duplicates{made}"
        )


def commit(
    lake: Lake, session: Engine, staging: Staging, source: str, moment: datetime
) -> tuple[TableImport, ...]:
    """Append what the lake does not have yet.

    A process killed in between leaves whole tables; the same import again finds their rows as duplicates and adds the rest.

    Args:
        lake: With its writer lock held.
        session: The engine to compare with.
        staging: The rows; it is finished here.
        source: The name of the source, kept with every row.
        moment: When; moved on where the lake holds a later one, since the last import of a key wins.
    """
    staging.finish()
    landing_of = _Commit(lake, session, staging, source, moment)
    return tuple(landing_of.table(table) for table in staging.tables.values())


@dataclass(frozen=True)
class _Commit:
    lake: Lake
    session: Engine
    staging: Staging
    source: str
    moment: datetime

    def table(self, table: Table) -> TableImport:
        """Append a table's new rows, then its newly refused ones."""
        name = table.name
        staged = self.session.table(self.staging.files(name), staged_schema(table))
        bronze = self._stored(BRONZE, name, bronze_schema(table))
        rows_given = self.staging.rows[name]
        if table is EVENTS:
            fresh = self.session.kept("new_events", landing.new_events(landing.event_ids(staged), bronze))
            rows = staged.drop(c.EVENT_ID).inner_join(fresh, ORDINAL)
        else:
            last = self.session.kept(f"last_{name}", landing.last_of_keys(staged, table))
            fresh = self.session.kept(f"new_{name}", landing.changed(staged, last, bronze, table))
            rows = staged.inner_join(fresh, ORDINAL)
            rows_given = self.session.count(last) if name in self.staging.derived else rows_given
        rows_new = self.session.count(fresh)
        if rows_new:
            self._append(BRONZE, name, rows, bronze_schema(table), self._moment(bronze, table))
        self._refused(name)
        refused = self.staging.rows_refused[name]
        derived = name in self.staging.derived
        return TableImport(name, rows_given + refused, rows_new, refused, rows_given - rows_new, derived)

    def _refused(self, name: str) -> None:
        refused = self.session.table(self.staging.files(f"{name}-{REFUSED}"), REFUSED_STAGED_SCHEMA)
        known = self._stored(QUARANTINE, name, QUARANTINE_SCHEMA)
        fresh = refused.anti_join(known, [c.SOURCE_FILE, c.SOURCE_ROW, c.REASON, c.RAW]).select(
            refused.columns
        )
        if self.staging.rows_refused[name] and self.session.count(fresh):
            self._append(QUARANTINE, name, fresh, QUARANTINE_SCHEMA, self.moment)

    def _append(self, layer: str, name: str, rows: ir.Table, schema: pa.Schema, moment: datetime) -> None:
        about = {
            c.SOURCE: ibis.literal(self.source),
            c.IMPORTED_AT: ibis.literal(moment, "timestamp('UTC', 6)"),
        }
        if c.EXTRAS in schema.names:
            about[c.EXTRAS] = ibis.null("string")
        self.lake.append(
            layer, name, self.session.batches(rows.mutate(**about), schema), {SOURCE_NOTE: self.source}
        )

    def _stored(self, layer: str, name: str, schema: pa.Schema) -> ir.Table:
        return self.session.table(self.lake.files(layer, name) if self.lake.has(layer, name) else [], schema)

    def _moment(self, bronze: ir.Table, table: Table) -> datetime:
        """Return the import's moment, or a later one where the clock stands before an earlier import of keys."""
        if table is EVENTS:
            return self.moment
        latest = self.session.rows(bronze.agg(latest=bronze[c.IMPORTED_AT].max())).column("latest")[0].as_py()
        return max(self.moment, latest + _ONE_MICROSECOND) if latest else self.moment
