"""Looks for drift: the days since the champion learnt, held against those that it learnt from."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake.engine import Engine
from crossfade.lake.engines import chosen_engine
from crossfade.lake.lake import SILVER, Lake
from crossfade.lake.layout import SILVER_SCHEMAS
from crossfade.lake.typed import complete
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.settings import Settings
from crossfade.schema.tables import EVENTS, TRACKS
from monitoring.drift.counting import daily_series, largest_groups
from monitoring.drift.judging import Verdict, judge
from monitoring.drift.listeners import sampled
from monitoring.drift.reference import Reference, end_of_whole_days
from monitoring.drift.series import WEEK_DAYS, Series, days_from, joined

SAMPLED: Final = 50  # listeners whose rows are read, for each one that is asked for on a day
TABLES: Final = (f"{SILVER}/{EVENTS.name}", f"{SILVER}/{TRACKS.name}")


@dataclass(frozen=True)
class Drift:
    """What one look for drift found.

    Args:
        bundle: Digest of the champion.
        reference: First and last day of the reference, ISO 8601.
        is_pinned: Whether the reference was read as the bundle pinned it; else as it stands now, since those versions are gone.
        newest_event: When the lake's newest event happened, ISO 8601.
        verdict: On the days since; None where there is none yet.
        checked_at: ISO 8601 in UTC.
    """

    bundle: str
    reference: tuple[str, str]
    is_pinned: bool
    newest_event: str
    verdict: Verdict | None
    checked_at: str

    def as_json(self) -> dict[str, Any]:
        """Return JSON-able values."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        verdict = self.verdict
        return told | {
            "verdict": verdict.as_json() if verdict else None,
            "ratios": verdict.ratios() if verdict else {},
        }


def look_for_drift(
    lake: Lake,
    workspace: Workspace,
    settings: Settings,
    *,
    until: date | None = None,
    with_champion: bool = False,
) -> Drift:
    """Hold the days since the champion's training window against that window.

    Args:
        lake: Refreshed.
        workspace: Has the champion.
        settings: Sections `drift` and `lake`.
        until: First day that is not looked at any more; None looks at all whole days.
        with_champion: Whether the champion's own series are looked at, too (`champion_series`).

    Raises:
        NotFoundError: There is no champion, or the lake was not refreshed.
        InputError: The champion learnt from another lake or from too little, or no event has a time.
    """
    reference = Reference.of(workspace.champion(), lake, settings.drift.reference_weeks)
    with TemporaryDirectory() as scratch, chosen_engine(Path(scratch), settings.lake) as session:
        newest = _newest(lake, session)
        days = days_since(reference, newest, until)
        pinned = reference.readable(lake, TABLES)
        verdict = None
        if days:
            series = _series(lake, session, reference, pinned, days, settings)
            if with_champion:
                series += _of_champion(lake, session, workspace, reference, days, settings)
            verdict = judge(series, [*reference.days, *days], len(reference.days), settings.drift)
    return Drift(
        reference.bundle,
        (reference.days[0].isoformat(), reference.days[-1].isoformat()),
        pinned[TABLES[0]] is not None,
        newest.isoformat(),
        verdict,
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def days_since(reference: Reference, newest: datetime, until: date | None = None) -> list[date]:
    """Return the whole days after the reference, up to the newest event or before a day."""
    first = reference.days[-1] + timedelta(days=1)
    stop = min(end_of_whole_days(newest), until or date.max)
    return days_from(first, max(0, (stop - first).days))


def _series(
    lake: Lake,
    session: Engine,
    reference: Reference,
    pinned: dict[str, int | None],
    days: list[date],
    settings: Settings,
) -> list[Series]:
    """Count the reference as it was pinned, and the days since as they stand."""
    events, tracks = (_table(lake, session, table, pinned[table]) for table in TABLES)
    groups = largest_groups(events, session, settings.drift.groups)
    common: dict[str, Any] = {"groups": groups, "settings": settings.lake}
    before = daily_series(events, tracks, session, name="reference", days=reference.days, **common)
    events, tracks = (_table(lake, session, table, None) for table in TABLES)
    return joined(before, daily_series(events, tracks, session, name="since", days=days, **common))


def _of_champion(
    lake: Lake,
    session: Engine,
    workspace: Workspace,
    reference: Reference,
    days: list[date],
    settings: Settings,
) -> list[Series]:
    """Ask the champion about some of those who listened since the last week of the reference."""
    from monitoring.drift.champion import champion_series  # it loads TensorFlow

    since, most = reference.days[-WEEK_DAYS], SAMPLED * settings.drift.users
    listeners = sampled(_table(lake, session, TABLES[0], None), session, since, most)
    return champion_series(lake, workspace, days, len(reference.days), settings, listeners=listeners)


def _table(lake: Lake, session: Engine, name: str, version: int | None) -> ir.Table:
    layer, _, short = name.partition("/")
    schema: pa.Schema = SILVER_SCHEMAS[short]
    return complete(session.table(lake.files(layer, short, version), schema), schema)


def _newest(lake: Lake, session: Engine) -> datetime:
    events = _table(lake, session, TABLES[0], None)
    newest = session.rows(events.agg(newest=events[c.TIMESTAMP].max())).column(0)[0].as_py()
    if newest is None:
        raise InputError(f"No event of {lake.path} has a timestamp; drift needs to know the day of each.")
    found: datetime = newest
    return found
