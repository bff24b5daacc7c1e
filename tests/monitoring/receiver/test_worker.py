"""Runs are processes: started once, tried again with growing pauses, found again after a restart."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import RECEIVER_METRICS
from crossfade.schema.settings import default_settings
from monitoring.receiver.ledger import Ledger
from monitoring.receiver.worker import Worker
from tests.monitoring.receiver.test_ledger import NOW, journal, parsed

SETTINGS = default_settings().receiver.model_copy(update={"attempts": 3, "recheck_seconds": 0.05})


class Setting:
    """A ledger with one wanted run, and a worker whose command is a line of Python."""

    def __init__(self, directory: Path, code: str) -> None:
        self.ledger = Ledger(directory, SETTINGS)
        self.ledger.take([parsed("f0")], NOW)
        self.code = code
        self.exposition = Exposition(RECEIVER_METRICS)
        self.worker = self.restarted()

    def restarted(self) -> Worker:
        return Worker(self.ledger, self.command, SETTINGS, self.exposition)

    def command(self, reason: str) -> Sequence[str]:
        return [sys.executable, "-c", self.code, reason]

    def until(self, states: set[str], now: float) -> str:
        """Step until the run is in one of some states (none: it is closed)."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            self.worker.step(now)
            state = next((run.state for run in self.ledger.open_runs()), "")
            if state in states:
                return state
            time.sleep(0.02)
        raise TimeoutError(f"The run is not in {states}.")

    def shown(self, line: str) -> bool:
        return f"\n{line}\n" in self.exposition.text().decode()


def test_a_run_is_started_with_its_reason_and_ends(tmp_path: Path) -> None:
    marker = tmp_path / "reason"
    setting = Setting(tmp_path, f"import sys; open({str(marker)!r}, 'a').write(sys.argv[1])")
    setting.until({""}, NOW)
    assert marker.read_text("utf-8").startswith("CrossfadeDrift (measure genres)")
    assert setting.shown('crossfade_retraining_runs_total{result="finished"} 1.0')
    setting.worker.step(NOW)
    assert setting.shown("crossfade_retraining_active_runs 0.0")
    assert setting.shown("crossfade_retraining_last_wanted_timestamp_seconds 1e+09")


def test_a_failed_attempt_is_tried_again_with_growing_pauses_until_none_is_left(tmp_path: Path) -> None:
    setting = Setting(tmp_path, "raise SystemExit(3)")
    now = NOW
    for pause in (5, 10):
        setting.until({"running"}, now)
        assert setting.until({"wanted"}, now) == "wanted"
        (run,) = setting.ledger.open_runs()
        assert run.next_attempt_at == now + pause
        setting.worker.step(now + pause - 1)  # too early
        assert setting.ledger.open_runs()[0].attempts == run.attempts
        now += pause
    setting.until({"running"}, now)
    setting.until({""}, now)
    assert journal(tmp_path)[-1]["what"] == "failed"
    assert setting.shown('crossfade_retraining_attempts_total{result="failed"} 3.0')
    assert setting.shown('crossfade_retraining_runs_total{result="failed"} 1.0')


def test_a_command_that_is_not_there_is_a_failed_attempt(tmp_path: Path) -> None:
    setting = Setting(tmp_path, "")
    worker = Worker(setting.ledger, lambda _: ["/no/such/command"], SETTINGS, setting.exposition)
    worker.step(NOW)
    (run,) = setting.ledger.open_runs()
    assert (run.state, run.attempts) == ("wanted", 1)
    assert "it cannot be started" in str(journal(tmp_path)[-1]["told"])


def test_after_a_restart_a_run_at_work_is_not_started_again(tmp_path: Path) -> None:
    marker = tmp_path / "started"
    code = f"import time; open({str(marker)!r}, 'a').write('x'); time.sleep(60)"
    setting = Setting(tmp_path, code)
    setting.until({"running"}, NOW)
    setting.worker, old = setting.restarted(), setting.worker
    setting.worker.step(NOW)
    assert setting.until({"running"}, NOW) == "running"
    (process,) = old._processes.values()
    process.kill()
    process.wait()
    setting.until({"wanted"}, NOW)  # nobody saw how it ended, so it is tried again
    assert "ended while nobody looked" in str(journal(tmp_path)[-1]["told"])


def test_the_thread_looks_after_runs_by_itself(tmp_path: Path) -> None:
    setting = Setting(tmp_path, "")
    setting.worker.start()
    deadline = time.monotonic() + 20
    while setting.ledger.open_runs() and time.monotonic() < deadline:
        time.sleep(0.05)
    setting.worker.stop()
    assert setting.ledger.open_runs() == []
    assert not setting.worker.is_alive()
