"""Starts what is wanted, one run at a time, tries again what failed, and finds runs again after a restart."""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from crossfade.schema.errors import CrossfadeError
from crossfade.schema.metrics import (
    RETRAINING_ACTIVE,
    RETRAINING_ATTEMPTS,
    RETRAINING_LAST,
    RETRAINING_RUNS,
    Recorder,
)
from crossfade.schema.monitoring_settings import ReceiverSettings
from crossfade.schema.processes import start_time
from monitoring.receiver.ledger import RUNNING, Ledger, Run

logger = logging.getLogger(__name__)

Command = Callable[[str], Sequence[str]]  # of the reason
UNSEEN: Final = "ended while nobody looked"


class Worker(threading.Thread):
    """A thread that works off the ledger; a run is a process of its own, which a restart of the receiver does not end.

    Args:
        ledger: Shared with the server.
        command: Makes the command line of a run from its reason; exit code 0 is a success.
        settings: Attempts, back-off and how often to look.
        recorder: Told of attempts and runs.
    """

    def __init__(
        self, ledger: Ledger, command: Command, settings: ReceiverSettings, recorder: Recorder
    ) -> None:
        super().__init__(daemon=True, name="retraining")
        self._ledger, self._command, self._settings, self._recorder = ledger, command, settings, recorder
        self._ended = threading.Event()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def run(self) -> None:
        """Look after runs until told to stop."""
        while not self._ended.wait(self._settings.recheck_seconds):
            try:
                self.step(time.time())
            except CrossfadeError as error:
                logger.error("Runs cannot be looked after: %s", error)

    def stop(self) -> None:
        """End the thread; a run at work goes on, and is found again."""
        self._ended.set()
        self.join()

    def step(self, now: float) -> None:
        """Look once at every open run."""
        runs = self._ledger.open_runs()
        last = self._ledger.last_wanted()
        self._recorder.record(RETRAINING_ACTIVE, len(runs))
        self._recorder.record(RETRAINING_LAST, last or 0)
        for run in runs:
            if run.state == RUNNING:
                self._look(run, now)
            elif run.next_attempt_at <= now:
                self._start(run, now)

    def _start(self, run: Run, now: float) -> None:
        try:
            process = subprocess.Popen(
                self._command(run.reason), stdin=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            self._ledger.started(run, 0, None, now)
            self._attempt_failed(run, run.attempts + 1, f"it cannot be started: {error}", now)
            return
        self._processes[run.id] = process
        self._ledger.started(run, process.pid, start_time(process.pid), now)
        logger.info("Run %d started: %s", run.id, run.reason)

    def _look(self, run: Run, now: float) -> None:
        process = self._processes.get(run.id)
        if process is None:  # of a receiver before this one
            is_alive = run.pid is not None and start_time(run.pid) == run.pid_started
            if not is_alive:
                self._attempt_failed(run, run.attempts, UNSEEN, now)
            return
        code = process.poll()
        if code is None:
            return
        del self._processes[run.id]
        if code:
            self._attempt_failed(run, run.attempts, f"attempt {run.attempts} ended with code {code}", now)
            return
        self._ledger.finished(run, now)
        self._recorder.record(RETRAINING_ATTEMPTS, 1, result="ended")
        self._recorder.record(RETRAINING_RUNS, 1, result="finished")

    def _attempt_failed(self, run: Run, attempts: int, told: str, now: float) -> None:
        logger.warning("Run %d: %s", run.id, told)
        self._recorder.record(RETRAINING_ATTEMPTS, 1, result="failed")
        if attempts >= self._settings.attempts:
            self._ledger.failed(run, told, now)
            self._recorder.record(RETRAINING_RUNS, 1, result="failed")
        else:
            pause = self._settings.backoff_seconds * 2 ** (attempts - 1)
            self._ledger.again(run, now + pause, told, now)
