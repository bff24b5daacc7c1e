"""Validates a lake: takes figures of its tables and holds them against the suites."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake.engine import Engine
from crossfade.lake.engines import chosen_engine
from crossfade.lake.lake import BRONZE, QUARANTINE, Lake
from crossfade.quality.examples import examples
from crossfade.quality.expectations import judge
from crossfade.quality.expected import Expected, Measure, type_faults
from crossfade.quality.figures import figures, newest_rows
from crossfade.quality.report import ExpectationResult, ValidationReport
from crossfade.quality.suites import (
    ARTISTS,
    EVENTS,
    IMPORTED_TRACKS,
    KEYS,
    TABLES,
    Facts,
    quarantine,
    schema_of,
    suite,
)
from crossfade.schema import columns as c
from crossfade.schema import tables
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import IntegrityError
from crossfade.schema.settings import Settings

LAST_VALID: Final = "validated.json"  # beside lake.json: rows of each table when the lake was last valid
LAST_CHECK: Final = (
    "checked.json"  # beside it: when the lake was last checked, and how many expectations it broke
)
NEWEST_EVENTS: Final = f"{EVENTS}, {Measure.NEWEST_ROWS}"


def validate(
    lake: Lake, settings: Settings, versions: Mapping[str, int] | None = None, now: datetime | None = None
) -> ValidationReport:
    """Hold a lake against what is expected of it; a valid one is what the next is compared with.

    Args:
        lake: A refreshed lake.
        settings: Sections `quality` and `lake`.
        versions: Table versions to look at, as of `Lake.versions`; None takes the newest.
        now: With a time zone; None takes the clock.

    Raises:
        NotFoundError: A table is missing: the lake was not refreshed, or has no such version.
        MissingExtraError: Great Expectations, or the engine that the settings choose, is not installed.
    """
    pinned = dict(lake.versions() if versions is None else versions)
    moment = now or datetime.now(UTC)
    with TemporaryDirectory() as scratch, chosen_engine(Path(scratch), settings.lake) as session:
        validation = _Validation(lake, settings, pinned, moment, session)
        results = [result for table in TABLES for result in validation.table(table)]
        results += [result for name in tables.TABLES for result in validation.quarantine(name)]
    report = ValidationReport(
        results=results,
        lake=str(lake.path),
        lake_versions=pinned,
        num_rows=validation.num_rows,
        checked_at=moment.astimezone(UTC).isoformat(timespec="seconds"),
    )
    check = {"checked_at": report.checked_at, "failed": len(report.failures)}
    replace_file(lake.path / LAST_CHECK, json.dumps(check).encode())
    if report.passed:
        replace_file(lake.path / LAST_VALID, json.dumps(report.num_rows, indent=2).encode())
    return report


def last_num_rows(lake: Lake) -> dict[str, int]:
    """Return the rows of each table when the lake was last valid, {} when it never was.

    Raises:
        IntegrityError: The file is damaged.
    """
    path = lake.path / LAST_VALID
    if not path.is_file():
        return {}
    try:
        return {str(table): int(rows) for table, rows in json.loads(path.read_text("utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise IntegrityError(
            f"{path} is damaged ({error}); remove it to validate without a comparison of volume."
        ) from error


class _Validation:
    """One validation's session; saves handing seven things through every call."""

    def __init__(
        self, lake: Lake, settings: Settings, versions: Mapping[str, int], now: datetime, session: Engine
    ) -> None:
        self._lake, self._settings, self._versions, self._now = lake, settings, versions, now
        self._session = session
        last = last_num_rows(lake)
        self._facts = Facts(
            year=now.year,
            last_num_events=last.get(EVENTS),
            last_newest_events=last.get(NEWEST_EVENTS),
            has_catalogue=IMPORTED_TRACKS in versions,
            has_artists=self._count(ARTISTS) > 0,
        )
        self.num_rows: dict[str, int] = {}

    def table(self, name: str) -> list[ExpectationResult]:
        expected = suite(name, self._settings, self._facts)
        others = {
            each.reference: self._open(each.reference) for each in expected if each.reference is not None
        }
        taken = figures(self._open(name), expected, others, self._session, self._now)
        self.num_rows[name] = int(taken[Measure.ROWS])
        if name == EVENTS:
            taken |= self._newest()
        taken[Measure.TYPES] = type_faults(self._dataset(name).schema, schema_of(name))
        found = zip(expected, judge(name, expected, taken), strict=True)
        return [self._explained(name, each, result, others) for each, result in found]

    def _explained(
        self, name: str, expected: Expected, result: ExpectationResult, others: Mapping[str, ir.Table]
    ) -> ExpectationResult:
        """Name rows where an expectation does not hold."""
        if result.passed or result.raised is not None:
            return result
        table, key = self._open(name), KEYS.get(name, ())
        found = examples(table, expected, key, others, self._session, now=self._now)
        return replace(result, examples="; ".join(found))

    def quarantine(self, name: str) -> list[ExpectationResult]:
        bronze, refused = f"{BRONZE}/{name}", f"{QUARANTINE}/{name}"
        if refused not in self._versions:
            return []
        num_refused, num_received = self._count(refused), self._count(bronze)
        self.num_rows[refused] = num_refused
        share = num_refused / max(num_refused + num_received, 1)
        return judge(refused, quarantine(self._settings), {str(Measure.QUARANTINED_SHARE): share})

    def _newest(self) -> dict[str, int | None]:
        """Count the newest week's events, which the next run compares with whether or not this one does."""
        events = self._open(EVENTS)
        if c.TIMESTAMP not in events.columns:
            return {}
        newest = self._session.rows(newest_rows(events)).column(0)[0].as_py()
        if newest is not None:
            self.num_rows[NEWEST_EVENTS] = int(newest)
        return {f"{Measure.NEWEST_ROWS} {c.TIMESTAMP}": newest}

    def _open(self, name: str) -> ir.Table:
        layer, _, table = name.partition("/")
        files = self._lake.files(layer, table, self._versions.get(name))
        return self._session.table(files, self._dataset(name).schema)

    def _count(self, name: str) -> int:
        return int(self._dataset(name).count_rows()) if name in self._versions else 0

    def _dataset(self, name: str) -> pa.dataset.Dataset:
        layer, _, table = name.partition("/")
        return self._lake.dataset(layer, table, self._versions.get(name))
