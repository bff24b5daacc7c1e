"""The steps of one local run: processes, each with its log, time and memory, that end with the run."""

import contextlib
import json
import os
import queue
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from crossfade.cli.forking import Started, Step, forker
from crossfade.cli.run_lock import GRACE_SECONDS, RunLock
from crossfade.schema import errors

LIBRARY_ERROR: Final = re.compile(r"^crossfade\.schema\.errors\.(\w+): ", re.MULTILINE)
TRACEBACK: Final = "Traceback (most recent call last)"
OUT_OF_MEMORY: Final = "; the machine may be out of memory"

Used = dict[str, Any]


@dataclass(frozen=True)
class Timing:
    """What one step took; `status` is finished, failed or reused (its result came from an earlier run)."""

    step: str
    status: str
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss_bytes: int = 0


@dataclass
class Steps:
    """The steps of one run.

    Args:
        directory: Where `<step>.log` and `timings.json` are written; has a folder `tmp`.
        lock: Told of every process, so that the next run can end what this one leaves if it is killed.
        started: Called with the step's name when it starts.
        ended: Called with its timing when it ends.
    """

    directory: Path
    lock: RunLock
    started: Callable[[str], None]
    ended: Callable[[Timing], None]
    timings: list[Timing] = field(default_factory=list)
    failure: errors.CrossfadeError | None = None
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def run(self, step: str, what: Callable[[Path], Step]) -> None:
        """Run one step to its end.

        Args:
            step: Its name.
            what: Makes it, told its log.

        Raises:
            CrossfadeError: It failed (InputError where the step ended with one); or another one did before,
                then nothing was started.
        """
        if self.failure is not None:
            raise self.failure
        self.started(step)
        log = self.directory / f"{step}.log"
        start = time.monotonic()
        code, used = self._execute(what(log))
        status = "failed" if code else "finished"
        self.record(Timing(step, status, time.monotonic() - start, **used))
        if code:
            self.failure = self.failure or _failure(step, code, log)
            raise self.failure

    def record(self, timing: Timing) -> None:
        """Add a timing; `timings.json` is replaced each time, so that a killed run keeps what it measured."""
        with self._mutex:
            self.timings.append(timing)
            part = self.directory / "timings.json.part"
            part.write_text(json.dumps([asdict(each) for each in self.timings], indent=2), "utf-8")
            part.replace(self.directory / "timings.json")
            self.ended(timing)

    def stop(self, number: int) -> None:
        """Send a signal to all running steps and start no more."""
        self.failure = errors.CrossfadeError(f"The run was stopped by {signal.Signals(number).name}.")
        self.lock.signal_steps(number)

    def _execute(self, step: Step) -> tuple[int, Used]:
        started = forker().start(step)
        self.lock.add(started.pid)
        try:
            return started.wait()
        except BaseException:
            _end(started)
            raise
        finally:
            self.lock.remove(started.pid)


def _end(started: Started) -> None:
    with contextlib.suppress(ProcessLookupError, errors.CrossfadeError):
        os.killpg(started.pid, signal.SIGTERM)
        try:
            started.wait(GRACE_SECONDS)
        except queue.Empty:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def _failure(step: str, code: int, log: Path) -> errors.CrossfadeError:
    """Tell why a step failed: the library's own message, else its exception or the signal that ended it."""
    text = log.read_text("utf-8", errors="replace")
    refusals = list(LIBRARY_ERROR.finditer(text))
    kind = errors.CrossfadeError
    if refusals:
        reason = text[refusals[-1].end() :].split("\n\n")[0].strip()
        is_input = issubclass(getattr(errors, refusals[-1].group(1), kind), errors.InputError)
        kind = errors.InputError if is_input else kind
    elif -code in set(signal.Signals):
        reason = f"ended by {signal.Signals(-code).name}" + OUT_OF_MEMORY * (-code == signal.SIGKILL)
    elif TRACEBACK in text:
        reason = text.strip().splitlines()[-1]
    else:
        reason = f"ended with code {code}"
    return kind(f"step {step}: {reason} (log: {log})")
