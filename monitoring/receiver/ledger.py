"""What was asked for and started, in SQLite: one writer at a time, and all of it there after a restart."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crossfade.schema.errors import CrossfadeError
from crossfade.schema.monitoring_settings import ReceiverSettings
from monitoring.receiver.deciding import DAY_SECONDS, HOUR_SECONDS, Decision, History, decide
from monitoring.receiver.webhook import Alert

DATABASE: Final = "runs.sqlite"
JOURNAL: Final = "decisions.jsonl"
WAIT_SECONDS: Final = 30

WANTED: Final = "wanted"
RUNNING: Final = "running"
FINISHED: Final = "finished"
FAILED: Final = "failed"

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    wanted_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at REAL NOT NULL,
    pid INTEGER,
    pid_started TEXT,
    told TEXT NOT NULL DEFAULT ''
)
"""


@dataclass(frozen=True)
class Run:
    """One run that is wanted or at work.

    Args:
        id: Its number.
        reason: Why, in a sentence.
        state: "wanted" or "running".
        attempts: How often it was tried.
        next_attempt_at: Not before, seconds since 1970.
        pid: Its process; None while it has none.
        pid_started: When that began, in the kernel's ticks, which tells it from a later one of the same number.
    """

    id: int
    reason: str
    state: str
    attempts: int
    next_attempt_at: float
    pid: int | None
    pid_started: str | None


class Ledger:
    """The runs of one workspace, and the append-only log of all decisions.

    Args:
        directory: Made if missing.
        settings: Cool-down, budget, lock and dry run.
    """

    def __init__(self, directory: Path, settings: ReceiverSettings) -> None:
        self._path, self._journal, self._settings = directory / DATABASE, directory / JOURNAL, settings
        directory.mkdir(parents=True, exist_ok=True)
        with self._open() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(SCHEMA)

    def take(self, alerts: Sequence[Alert], now: float) -> list[Decision]:
        """Decide on alerts, one after the other, and note what is wanted; no other process decides meanwhile.

        Args:
            alerts: Of one message.
            now: Seconds since 1970.

        Raises:
            CrossfadeError: Nothing can be written; nothing was decided.
        """
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            decisions = [self._take(database, alert, now) for alert in alerts]
            for alert, decision in zip(alerts, decisions, strict=True):
                self._write(now, str(decision), alert.trigger)
        return decisions

    def _take(self, database: sqlite3.Connection, alert: Alert, now: float) -> Decision:
        decision = decide(alert, self._history(database, alert.fingerprint, now), now, self._settings)
        if decision is Decision.START:
            database.execute(
                "INSERT INTO runs (fingerprint, reason, state, wanted_at, next_attempt_at) VALUES (?, ?, ?, ?, ?)",
                (alert.fingerprint, alert.trigger, WANTED, now, now),
            )
        return decision

    def _history(self, database: sqlite3.Connection, fingerprint: str, now: float) -> History:
        locked_since = now - self._settings.lock_hours * HOUR_SECONDS
        row = database.execute(
            "SELECT sum(state IN (?, ?) AND wanted_at > ?), max(wanted_at), "
            "max(CASE WHEN fingerprint = ? THEN wanted_at END), sum(wanted_at > ?) FROM runs",
            (WANTED, RUNNING, locked_since, fingerprint, now - DAY_SECONDS),
        ).fetchone()
        return History(bool(row[0]), row[1], row[2], row[3] or 0)

    def open_runs(self) -> list[Run]:
        """Return the runs that are wanted or at work, the oldest first."""
        with self._open() as database:
            rows = database.execute(
                "SELECT id, reason, state, attempts, next_attempt_at, pid, pid_started FROM runs "
                "WHERE state IN (?, ?) ORDER BY id",
                (WANTED, RUNNING),
            ).fetchall()
        return [Run(*row) for row in rows]

    def last_wanted(self) -> float | None:
        """Return when a run was last wanted, seconds since 1970."""
        with self._open() as database:
            found: float | None = database.execute("SELECT max(wanted_at) FROM runs").fetchone()[0]
        return found

    def started(self, run: Run, pid: int, pid_started: str | None, now: float) -> None:
        """Note that a run has a process."""
        self._set(
            run,
            now,
            RUNNING,
            f"attempt {run.attempts + 1}",
            attempts=run.attempts + 1,
            pid=pid,
            pid_started=pid_started,
        )

    def finished(self, run: Run, now: float) -> None:
        """Note that a run ended well."""
        self._set(run, now, FINISHED, "ended well", pid=None)

    def again(self, run: Run, at: float, told: str, now: float) -> None:
        """Note that an attempt failed, and when the next one is due."""
        self._set(run, now, WANTED, told, pid=None, next_attempt_at=at)

    def failed(self, run: Run, told: str, now: float) -> None:
        """Note that the last attempt failed, too."""
        self._set(run, now, FAILED, told, pid=None)

    def _set(self, run: Run, now: float, state: str, told: str, **columns: object) -> None:
        values = {"state": state, "told": told, **columns}
        assigned = ", ".join(f"{name} = ?" for name in values)  # names are our own
        with self._open() as database:
            database.execute(f"UPDATE runs SET {assigned} WHERE id = ?", (*values.values(), run.id))
            self._write(now, state, f"run {run.id}: {told}; {run.reason}")

    def _write(self, now: float, what: str, told: str) -> None:
        line = json.dumps({"seconds": round(now, 3), "what": what, "told": told})
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.write(f"{line}\n")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, WAIT_SECONDS, isolation_level=None)) as database:
                yield database
                if database.in_transaction:
                    database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise CrossfadeError(
                f"{self._path} could not be read or written: {error}. Nothing was decided; free space on that disk."
            ) from error
