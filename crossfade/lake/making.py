"""What the making of a table has at hand: its inputs, what is new in them since it was last made, and what was kept."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake import layout
from crossfade.lake.changes import added_files, note, replaced_days
from crossfade.lake.days import Days, day_of
from crossfade.lake.engine import Engine
from crossfade.lake.lake import BRONZE, SILVER, Lake
from crossfade.lake.layout import BOT_LISTS, BOT_LISTS_SCHEMA
from crossfade.lake.pseudonyms import Pseudonyms
from crossfade.lake.typed import complete
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings
from crossfade.schema.tables import TABLES

MADE_FROM: Final = "crossfade.made_from"
INPUTS: Final = "inputs"


@dataclass(frozen=True)
class Update:
    """Rows that replace those of some days, and of these days only; without days, nothing has to be written."""

    days: Days
    rows: ir.Table


@dataclass(frozen=True)
class Making:
    """The making of one table.

    Args:
        lake: Where inputs are read.
        session: The engine.
        settings: Only the sections that the table's step names may be read.
        people: Pseudonyms of all users; None where users keep their own ids.
        since: The versions of its inputs from which the table was last made; empty where it has to be made whole.
        notes: Kept in the commit.
    """

    lake: Lake
    session: Engine
    settings: Settings
    people: Pseudonyms | None = None
    since: Mapping[str, int | None] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def table(self, name: str) -> ir.Table:
        """Return a table as it is now; one that was never written has no rows."""
        layer, _, short = name.partition("/")
        files = self.lake.files(layer, short) if self.lake.has(layer, short) else []
        return self._rows(name, files)

    def before(self, name: str) -> ir.Table | None:
        """Return a table as it was when this one was last made; None where its files are gone."""
        layer, _, short = name.partition("/")
        version = self.since[name]
        files = [] if version is None else self.lake.files(layer, short, version)
        return self._rows(name, files) if all(file.exists() for file in files) else None

    def fresh(self, name: str) -> ir.Table | None:
        """Return the rows that were appended since this table was last made; None where rows were removed, too."""
        files = added_files(self.lake, name, self.since[name])
        return None if files is None else self._rows(name, files)

    def _rows(self, name: str, files: Sequence[Path]) -> ir.Table:
        """Return the rows of a table's files; those of bronze enter under pseudonyms."""
        rows = complete(self.session.table(files, schema_of(name)), schema_of(name))
        is_of_people = name.startswith(f"{BRONZE}/") and c.USER_ID in rows.columns
        return self.people.of(rows) if self.people and is_of_people else rows

    def replaced(self, name: str) -> Days | None:
        """Return the days that were replaced since this table was last made; None where all may have been."""
        return replaced_days(self.lake, name, self.since[name])

    def is_unchanged(self, name: str) -> bool:
        """Return whether a table has the rows that it had when this one was last made, perhaps in other files."""
        layer, _, short = name.partition("/")
        since = self.since[name]
        if since == self.lake.version(layer, short):
            return True
        if layer == BRONZE:
            return added_files(self.lake, name, since) == []
        return replaced_days(self.lake, name, since) == frozenset()

    def days(self, rows: ir.Table) -> Days:
        """Return the distinct days of rows, by their `timestamp` or, if they have it, their `day`."""
        moment = rows[c.DAY if c.DAY in rows.columns else c.TIMESTAMP]
        found = self.session.rows(rows.select(**{c.DAY: day_of(moment)}).distinct())
        return frozenset(found.column(c.DAY).to_pylist())

    def are_few(self, days: Days, table: ir.Table) -> bool:
        """Return whether so few of a table's days are re-opened that replacing them is worth it."""
        return len(days) <= self.settings.lake.reopen_share * len(days | self.days(table))

    def kept(self, name: str, expression: ir.Table) -> ir.Table:
        """Return `Engine.kept`, apart for what is new since different versions of the events."""
        since = self.since.get(EVENTS_TABLE)
        return self.session.kept(name if since is None else f"{name}_since_{since}", expression)

    def is_as_of(self, name: str, source: str) -> bool:
        """Return whether a table was last made from that version of a source from which this one was."""
        made_from = note(self.lake, name, MADE_FROM)
        return made_from is not None and json.loads(made_from)[INPUTS].get(source) == self.since[source]


EVENTS_TABLE: Final = f"{BRONZE}/events"


def schema_of(table: str) -> pa.Schema:
    """Return the schema of "layer/name"."""
    layer, _, name = table.partition("/")
    if name == BOT_LISTS:
        return BOT_LISTS_SCHEMA
    if layer == BRONZE:
        return layout.bronze_schema(TABLES[name])
    return layout.SILVER_SCHEMAS[name] if layer == SILVER else layout.GOLD_SCHEMAS[name]
