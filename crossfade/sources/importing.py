"""Imports files into bronze and quarantine: all rows of a call or, if one of its files cannot be used, none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from crossfade.lake.engine_duckdb import engine
from crossfade.lake.lake import Lake
from crossfade.schema.errors import InputError
from crossfade.schema.settings import Settings
from crossfade.schema.user_keys import UserKeys, lake_keys
from crossfade.sources.chunks import Source
from crossfade.sources.committing import TableImport, commit
from crossfade.sources.conform import Times, check_columns, conform
from crossfade.sources.files import expanded
from crossfade.sources.guide import switched_off
from crossfade.sources.registry import source_named
from crossfade.sources.staging import Problem, Staging

Progress = Callable[[Path, int], None]


@dataclass(frozen=True)
class ImportReport:
    """What an import did, summed over its tables and for each.

    Args:
        rows_in: Rows read; equal to the sum of the next three.
        rows_bronze: New in bronze.
        rows_quarantined: Refused; in quarantine with their reasons.
        rows_duplicate: In this import twice, or in bronze already.
        first_problems: One per reason, with the first row that it refused.
        tables: The same counts per table.
        notes: What is missing or was left out, and what that switches off.
    """

    rows_in: int
    rows_bronze: int
    rows_quarantined: int
    rows_duplicate: int
    first_problems: tuple[Problem, ...]
    tables: tuple[TableImport, ...]
    notes: tuple[str, ...]

    @property
    def quarantined_share(self) -> float:
        """Share of the rows in that were refused."""
        return self.rows_quarantined / self.rows_in if self.rows_in else 0.0


def import_files(
    lake: Lake,
    source: str,
    paths: Sequence[Path],
    *,
    settings: Settings,
    now: datetime | None = None,
    progress: Progress = lambda _, __: None,
) -> ImportReport:
    """Import files; good rows land in bronze, refused ones in quarantine. Importing the same files again changes nothing.

    Args:
        lake: Where to.
        source: A name of `SOURCES`.
        paths: Files, or directories of files.
        settings: `lake.future_tolerance_minutes`, `lake.memory_gib` and `privacy.pseudonymise` are read.
        now: The moment of the import, for tests; None takes the clock.
        progress: Told the file and the rows read so far, after each batch.

    Returns:
        Counts that add up, and the first row of each problem.

    Raises:
        InputError: A file is missing, empty, truncated, of an unknown ending, lacks a required column or has one of a wrong
            type, or no file has any row, or another process is writing to the lake. Nothing was imported then.
    """
    known = source_named(source)
    files = expanded(paths, known.endings)
    moment = now or datetime.now(UTC)
    with lake.writing() as scratch, Staging(scratch) as staging:
        _read(
            known,
            files,
            staging,
            times=Times(moment, settings.lake.future_tolerance_minutes, known.latest),
            keys=lake_keys(lake.path) if settings.privacy.pseudonymise else None,
            progress=progress,
        )
        with engine(scratch, settings.lake.memory_gib) as session:
            tables = commit(lake, session, staging, source, moment)
    return ImportReport(
        sum(table.rows_in for table in tables),
        sum(table.rows_bronze for table in tables),
        sum(table.rows_quarantined for table in tables),
        sum(table.rows_duplicate for table in tables),
        tuple(staging.problems.values()),
        tables,
        notes(staging),
    )


def _read(
    source: Source,
    files: Sequence[Path],
    staging: Staging,
    *,
    times: Times,
    keys: UserKeys | None,
    progress: Progress,
) -> None:
    for file in files:
        num_rows = 0
        for chunk in source.read(file):
            check_columns(chunk.rows.schema, chunk.table, str(file), typed=chunk.typed)
            good, refused = conform(chunk, times, keys)
            staging.add(chunk, file, good, refused)
            num_rows += 0 if chunk.derived else len(good) + len(refused)
            progress(file, num_rows)
    if not staging.rows.total() and not staging.rows_refused.total():
        raise InputError(
            f"There is no row to import in {', '.join(map(str, files))}; name files that hold rows."
        )


def notes(staging: Staging) -> tuple[str, ...]:
    """Return what is to be told of an import besides its counts: one sentence each."""
    told = []
    if staging.rows_repaired:
        told.append(
            f"{staging.rows_repaired:,} lines or values were not UTF-8 and were read as Windows-1252."
        )
    if staging.ignored:
        told.append(f"Columns that nothing reads were left out: {', '.join(sorted(staging.ignored))}.")
    for name, columns in staging.columns.items():
        told.extend(switched_off(name, columns) if name not in staging.derived else ())
    return tuple(told)
