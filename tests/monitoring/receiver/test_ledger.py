"""The ledger survives restarts and storms: whoever asks, and however many at once, one run is wanted."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crossfade.schema.errors import CrossfadeError
from crossfade.schema.settings import default_settings
from monitoring.receiver.deciding import DAY_SECONDS, HOUR_SECONDS, Decision
from monitoring.receiver.ledger import DATABASE, JOURNAL, Ledger
from monitoring.receiver.webhook import Alert, read_webhook
from tests.monitoring.receiver.alerts import alert, webhook

SETTINGS = default_settings().receiver
NOW = 1e9


def parsed(fingerprint: str, **changes: object) -> Alert:
    return read_webhook(webhook(alert(fingerprint, **changes)), 1)[0]


def journal(directory: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (directory / JOURNAL).read_text("utf-8").splitlines()]


def test_a_storm_of_a_thousand_alerts_wants_one_run(tmp_path: Path) -> None:
    Ledger(tmp_path, SETTINGS)
    groups = [[parsed(f"f{number}-{place}") for place in range(10)] for number in range(100)]
    with ThreadPoolExecutor(8) as threads:  # each opens the database for itself, as processes would
        decided = list(threads.map(lambda group: Ledger(tmp_path, SETTINGS).take(group, NOW), groups))
    flat = [decision for group in decided for decision in group]
    assert flat.count(Decision.START) == 1
    assert flat.count(Decision.BUSY) == 999
    assert len(Ledger(tmp_path, SETTINGS).open_runs()) == 1
    assert len(journal(tmp_path)) == 1000


def test_cool_down_budget_and_duplicates_are_remembered_after_a_restart(tmp_path: Path) -> None:
    first = Ledger(tmp_path, SETTINGS)
    assert first.take([parsed("f0")], NOW) == [Decision.START]
    (run,) = first.open_runs()
    first.started(run, 1, "2", NOW)
    first.finished(run, NOW + 60)
    again = Ledger(tmp_path, SETTINGS)
    flapping = parsed("f0", startsAt="2026-01-05T11:00:00Z")
    assert again.take([flapping, parsed("f1")], NOW + 120) == [Decision.DUPLICATE, Decision.COOLDOWN]
    assert again.take([parsed("f1")], NOW + 25 * HOUR_SECONDS) == [Decision.START]
    assert again.last_wanted() == NOW + 25 * HOUR_SECONDS


def test_failed_runs_use_up_the_budget(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, SETTINGS.model_copy(update={"cooldown_hours": 0.0}))
    for number in range(SETTINGS.runs_per_day):
        assert ledger.take([parsed(f"f{number}")], NOW + number) == [Decision.START]
        ledger.failed(ledger.open_runs()[0], "it broke", NOW + number)
    assert ledger.take([parsed("fx")], NOW + 10) == [Decision.BUDGET]
    assert ledger.take([parsed("fx")], NOW + DAY_SECONDS + 10) == [Decision.START]


def test_a_run_that_never_ends_holds_the_lock_only_so_long(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, SETTINGS.model_copy(update={"cooldown_hours": 1.0}))
    ledger.take([parsed("f0")], NOW)
    assert ledger.take([parsed("f1")], NOW + 11 * HOUR_SECONDS) == [Decision.BUSY]
    assert ledger.take([parsed("f1")], NOW + 13 * HOUR_SECONDS) == [Decision.START]


def test_the_log_says_what_was_decided_and_why(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, SETTINGS)
    ledger.take([parsed("f0"), parsed("f1", status="resolved")], NOW)
    (run,) = ledger.open_runs()
    ledger.started(run, 1, "2", NOW + 1)
    ledger.again(run, NOW + 9, "attempt 1 ended with code 1", NOW + 2)
    what = [line["what"] for line in journal(tmp_path)]
    assert what == ["start", "resolved", "running", "wanted"]
    assert str(journal(tmp_path)[3]["told"]).startswith("run 1: attempt 1 ended with code 1; CrossfadeDrift")


def test_what_cannot_be_noted_is_not_decided(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, SETTINGS)
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute("DROP TABLE runs")
    with pytest.raises(
        CrossfadeError, match=r"runs\.sqlite could not be read or written: no such table: runs"
    ):
        ledger.take([parsed("f0")], NOW)
