"""Days of simulated listening, counted as `crossfade drift` counts those of a lake."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.drift.planting import Planted, Tables
from crossfade.lake.engine import Engine
from crossfade.lake.layout import SILVER_SCHEMAS
from crossfade.lake.typed import complete
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings
from crossfade.schema.tables import EVENTS, TRACKS
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import simulate
from monitoring.drift.counting import Groups, daily_series, largest_groups
from monitoring.drift.judging import Verdict, judge
from monitoring.drift.series import WEEK_DAYS, Series, days_from, joined

Counted = dict[tuple[str, str], Series]


@dataclass
class Days:
    """A simulated world, its reference counted.

    Args:
        spec: Of the world.
        events: All of its events.
        tracks: Its catalogue.
        directory: For files that the engine reads.
        session: Counts.
        settings: Of drift and lake.
        num_reference: Days of the reference, from the first on.
    """

    spec: TwinSpec
    events: pa.Table
    tracks: pa.Table
    directory: Path
    session: Engine
    settings: Settings
    num_reference: int

    def __post_init__(self) -> None:
        """Count the reference."""
        self._number = 0
        days = days_from(self.spec.start, self.num_reference)
        tables = self._tables((self.of_days(self.events, days), self.tracks))
        self.groups: Groups = largest_groups(tables[0], self.session, self.settings.drift.groups)
        self.reference = self._counted(tables, days)

    @classmethod
    def made(
        cls, spec: TwinSpec, directory: Path, session: Engine, settings: Settings, num_reference: int
    ) -> "Days":
        """Simulate a world; sessions are numbered as silver numbers them, and nobody is a bot."""
        twin = simulate(spec)
        return cls(spec, as_silver(twin.events), twin.tracks, directory, session, settings, num_reference)

    @property
    def later(self) -> list[date]:
        """The days after the reference."""
        return days_from(
            self.spec.start + timedelta(days=self.num_reference), self.spec.num_days - self.num_reference
        )

    def verdict(
        self, days: Sequence[date], planted: Planted | None = None, events: pa.Table | None = None
    ) -> Verdict:
        """Judge days that follow the reference, as they are, with drift planted into the last of them, or of other events."""
        every = self.events if events is None else events
        found, week = self.of_days(every, days), days_from(days[0] - timedelta(days=WEEK_DAYS), WEEK_DAYS)
        tables: Tables = (found, self.tracks)
        if planted is not None:
            last = self.of_days(found, days[-1:])
            before = self.of_days(found, days[:-1])
            changed, tracks = planted.plant(last, self.tracks, np.random.default_rng(self.spec.seed))
            tables = pa.concat_tables([before, changed]), tracks
        told = pa.concat_tables(
            [self.of_days(every, week), tables[0]]
        )  # who is new is told by the week before
        counted = self._counted(self._tables((told, tables[1])), days)
        every_day = [*days_from(self.spec.start, self.num_reference), *days]
        return judge(joined(self.reference, counted), every_day, self.num_reference, self.settings.drift)

    def with_holidays(self, days: Sequence[int]) -> pa.Table:
        """Return the events of the same world in which some days, from 0, are holidays."""
        return as_silver(simulate(replace(self.spec, holidays=tuple(days))).events)

    @staticmethod
    def of_days(events: pa.Table, days: Sequence[date]) -> pa.Table:
        """Return the events of some days."""
        return events.filter(
            pc.is_in(events.column(c.TIMESTAMP).cast(pa.date32()), pa.array(days, pa.date32()))
        )

    def _tables(self, tables: Tables) -> tuple[object, object]:
        """Write tables as files, since the engine reads no others."""
        self._number += 1
        found = []
        for table, name in zip(tables, (EVENTS.name, TRACKS.name), strict=True):
            path = self.directory / f"{name}-{self._number}.parquet"
            pq.write_table(table, path)
            schema = SILVER_SCHEMAS[name]
            found.append(complete(self.session.table([path], schema), schema))
        return found[0], found[1]

    def _counted(self, tables: tuple[object, object], days: Sequence[date]) -> Counted:
        name = str(self._number)
        return daily_series(
            *tables, self.session, name=name, groups=self.groups, days=days, settings=self.settings.lake
        )


def as_silver(events: pa.Table) -> pa.Table:
    """Add the place of each listen in its session, and that nobody is a bot, as silver has them."""
    sessions = pc.dictionary_encode(events.column(c.SESSION_ID).combine_chunks()).indices.to_numpy()
    order = np.argsort(sessions, kind="stable")  # events stand in order of time
    starts = np.concatenate([[0], np.cumsum(np.bincount(sessions))])[:-1]
    places = np.empty(len(events), np.int32)
    places[order] = np.arange(len(events)) - starts[sessions[order]]
    positioned = events.append_column(c.SESSION_POSITION, pa.array(places))
    return positioned.append_column(c.IS_BOT, pa.array(np.zeros(len(events), np.bool_)))
