"""What the making of a table has at hand: its inputs, what is new in them since it was last made, and what was kept."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import ibis.expr.types as ir
import pyarrow as pa
from deltalake import DeltaTable

from crossfade.lake import layout
from crossfade.lake.changes import added_files, note, replaced_days
from crossfade.lake.days import UNTIMED, Days, day_of, midnight, outside, with_day, within
from crossfade.lake.engine import Engine
from crossfade.lake.lake import BRONZE, SILVER
from crossfade.lake.layout import BOT_LISTS, BOT_LISTS_SCHEMA
from crossfade.lake.pseudonyms import Pseudonyms
from crossfade.lake.still import Behind, StillLake
from crossfade.lake.typed import complete, typed
from crossfade.lake.versions import days_of_files, earliest_files, files_of_days, live_files
from crossfade.schema import columns as c
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import Settings
from crossfade.schema.tables import TABLES

MADE_FROM: Final = "crossfade.made_from"
INPUTS: Final = "inputs"
Found = TypeVar("Found")
_AROUND: Final = (timedelta(days=-1), timedelta(), timedelta(days=1))


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
        known: What `once` found out, for all tables of one refresh.
    """

    lake: StillLake
    session: Engine
    settings: Settings
    people: Pseudonyms | None = None
    since: Mapping[str, int | None] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    known: dict[tuple[str, int | None], Any] = field(default_factory=dict)

    def table(self, name: str, days: Days | None = None) -> ir.Table:
        """Return a table as it is now, or its rows of some days; one that was never written has no rows."""
        return self.named(name, self.own(name, days), days)

    def own(self, name: str, days: Days | None = None) -> ir.Table:
        """Return the same, of bronze with users under their own ids."""
        if behind := self.lake.behind(name):
            return self._at_hand(name, behind, days)
        return self._rows(name, self._delta(name), days)

    def _at_hand(self, name: str, behind: Behind, days: Days | None) -> ir.Table:
        """Return rows of a table that is perhaps not yet written: of replaced days what is kept, of others what was there."""
        kept = typed(behind.rows, schema_of(name))
        if behind.days is None:
            return self._view(name, kept if days is None else within(kept, days, time_of(name)))
        if days is None:
            return self._view(name, kept.union(self._beside(name, behind.before, behind.days)))
        rows, others = within(kept, days, time_of(name)), days - behind.days
        return self._view(name, rows.union(self._rows(name, behind.before, others)) if others else rows)

    def beside(self, name: str, days: Days) -> ir.Table:
        """Return the rows of a table's other days; of files without any of the given ones, no row is asked for its day."""
        behind = self.lake.behind(name)
        is_known = behind and behind.days == days
        return self._beside(name, behind.before if behind and is_known else self._delta(name), days)

    def _beside(self, name: str, table: DeltaTable | None, days: Days) -> ir.Table:
        time = time_of(name)
        if table is None:
            return self._read(name, [])
        mixed = set(files_of_days(table, time, [(day, day) for day in days]))
        whole = [file for file in live_files(table) if file not in mixed]
        rest = outside(self._read(name, sorted(mixed)), days, time)
        return self._view(name, self._read(name, whole).union(rest))

    def later(self, name: str, first: date, time: str) -> ir.Table:
        """Return the rows of a table whose time is of a day or of later ones, of bronze with users under their own ids."""
        table = self._delta(name)
        rows = self._read(name, [] if table is None else files_of_days(table, time, [(first, date.max)]))
        return self._view(name, rows.filter(rows[time] >= midnight(first)))

    def earliest(self, name: str, time: str) -> ir.Table:
        """Return rows of a table of which one has its least time, of bronze with users under their own ids."""
        table = self._delta(name)
        return self._view(name, self._read(name, [] if table is None else earliest_files(table, time)))

    def named(self, name: str, rows: ir.Table, days: Days | None = None) -> ir.Table:
        """Return rows of a table as silver knows them: those of bronze enter under pseudonyms.

        Args:
            name: "layer/name".
            rows: Some of the table's.
            days: Theirs, as far as known: those around new events have few users, who are found faster than all.
        """
        is_of_people = name.startswith(f"{BRONZE}/") and c.USER_ID in rows.columns
        if self.people is None or not is_of_people:
            return rows
        people = self._people_of(self.people, days) if name == EVENTS_TABLE else self.people
        return people.of(rows)

    def owned(self, rows: ir.Table, days: Days | None = None) -> ir.Table:
        """Return rows of silver that name users as bronze does, by own ids: to choose rows there before users are named.

        Args:
            rows: With `user_id`; other columns stay as they are.
            days: As in `named`; on them, all users of the rows have events.
        """
        return rows if self.people is None else self._people_of(self.people, days).back(rows)

    def _people_of(self, people: Pseudonyms, days: Days | None) -> Pseudonyms:
        if days is None or EVENTS_TABLE not in self.since or not days <= self.near_days():
            return people
        rows = self.own(EVENTS_TABLE, self.near_days())
        return self.once("people_near", lambda: replace(people, tables=(rows,), name="people-near"))

    def new_days(self) -> tuple[Days, datetime | None]:
        """Return the days of new events, and the first moment of their import, None where there are none."""
        return self.once("new_days", self._found_new_days)

    def _found_new_days(self) -> tuple[Days, datetime | None]:
        fresh = self.own_fresh(EVENTS_TABLE)
        if fresh is None:
            return frozenset(), None
        rows = with_day(fresh)
        found = self.session.rows(rows.group_by(c.DAY).agg(first=rows[c.IMPORTED_AT].min()))
        days, firsts = (found.column(name).to_pylist() for name in (c.DAY, "first"))
        return frozenset(days), min(firsts, default=None)

    def near_days(self) -> Days:
        """Return the days of new events and the ones beside them, on which sessions go on."""
        days, _ = self.new_days()
        return frozenset(day + around for day in days - {UNTIMED} for around in _AROUND) | (days & {UNTIMED})

    def before(self, name: str, days: Days | None = None) -> ir.Table | None:
        """Return a table below bronze as it was when this one was last made; None where its files are gone."""
        version = self.since[name]
        try:
            table = None if version is None else self._delta(name, version)
        except NotFoundError:
            return None
        return self._rows(name, table, days)

    def fresh(self, name: str) -> ir.Table | None:
        """Return the rows that were appended since this table was last made; None where rows were removed, too."""
        files = self._added(name)
        rows = self._of_files(name, files)
        return (
            self.named(name, rows) if files and rows is not None else rows
        )  # of no rows, nobody need be named

    def own_fresh(self, name: str) -> ir.Table | None:
        """Return the same with users under their own ids."""
        return self._of_files(name, self._added(name))

    def _added(self, name: str) -> list[Path] | None:
        return added_files(self.lake, name, self.since[name])

    def _of_files(self, name: str, files: Sequence[Path] | None) -> ir.Table | None:
        return None if files is None else self._view(name, self._read(name, files))

    def _delta(self, name: str, version: int | None = None) -> DeltaTable | None:
        layer, _, short = name.partition("/")
        return self.lake.delta(layer, short, version) if self.lake.has(layer, short) else None

    def _rows(self, name: str, table: DeltaTable | None, days: Days | None) -> ir.Table:
        if table is None or days is None:
            return self._view(name, self._read(name, [] if table is None else live_files(table)))
        time = time_of(name)
        rows = self._read(name, files_of_days(table, time, [(day, day) for day in days]))
        return self._view(name, within(rows, days, time))

    def _view(self, name: str, rows: ir.Table) -> ir.Table:
        """Return rows of a table by a name that tells neither files nor days (see `Engine.view`)."""
        return self.session.view(name.replace("/", "_"), rows)

    def _read(self, name: str, files: Sequence[Path]) -> ir.Table:
        return complete(self.session.table(files, schema_of(name)), schema_of(name))

    def replaced(self, name: str) -> Days | None:
        """Return the days that were replaced since this table was last made; None where all may have been."""
        behind = self.lake.behind(name)
        if behind is None:
            return replaced_days(self.lake, name, self.since[name])
        earlier = replaced_days(self.lake, name, self.since[name], until=behind.before.version())
        return None if earlier is None or behind.days is None else earlier | behind.days

    def is_unchanged(self, name: str) -> bool:
        """Return whether a table has the rows that it had when this one was last made, perhaps in other files."""
        layer, _, short = name.partition("/")
        since = self.since[name]
        if since == self.lake.version(layer, short):
            return True
        if layer == BRONZE:
            return self._added(name) == []
        return self.replaced(name) == frozenset()

    def days(self, rows: ir.Table) -> Days:
        """Return the distinct days of rows, by their `timestamp` or, if they have it, their `day`."""
        moment = rows[c.DAY if c.DAY in rows.columns else c.TIMESTAMP]
        found = self.session.rows(rows.select(**{c.DAY: day_of(moment)}).distinct())
        return frozenset(found.column(c.DAY).to_pylist())

    def are_few(self, days: Days, name: str) -> bool:
        """Return whether so few of a table's days are re-opened that replacing them is worth it."""
        table = self._delta(name)
        known = None if table is None else days_of_files(table, time_of(name))
        all_days = self.days(self.table(name)) if known is None else known
        return len(days) <= self.settings.lake.reopen_share * len(days | all_days)

    def once(self, name: str, find: Callable[[], Found]) -> Found:
        """Return what is found out of bronze events and what is new in them; for several tables, it is looked for once."""
        key = (name, self.since.get(EVENTS_TABLE))
        if key not in self.known:
            self.known[key] = find()
        found: Found = self.known[key]
        return found

    def kept(self, name: str, expression: ir.Table) -> ir.Table:
        """Return `Engine.kept`, apart for what is new since different versions of the events."""
        since = self.since.get(EVENTS_TABLE)
        known: list[int | None] = self.known.setdefault(("versions", None), [])
        if since not in known:
            known.append(since)
        return self.session.kept(f"{name}_{known.index(since)}", expression)

    def is_as_of(self, name: str, source: str) -> bool:
        """Return whether a table was last made from that version of a source from which this one was."""
        made_from = note(self.lake, name, MADE_FROM)
        return made_from is not None and json.loads(made_from)[INPUTS].get(source) == self.since[source]


EVENTS_TABLE: Final = f"{BRONZE}/events"
SILVER_EVENTS: Final = f"{SILVER}/events"


def time_of(table: str) -> str:
    """Return the column of "layer/name" that has the day of a row, or its moment."""
    return c.DAY if c.DAY in schema_of(table).names else c.TIMESTAMP


def schema_of(table: str) -> pa.Schema:
    """Return the schema of "layer/name"."""
    layer, _, name = table.partition("/")
    if name == BOT_LISTS:
        return BOT_LISTS_SCHEMA
    if layer == BRONZE:
        return layout.bronze_schema(TABLES[name])
    return layout.SILVER_SCHEMAS[name] if layer == SILVER else layout.GOLD_SCHEMAS[name]
