"""The steps of one local run: processes, each with its log, time and memory, that end with the run."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from crossfade.cli import measured
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

    def run(self, step: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run one step to its end, in this process's environment with some variables added.

        Raises:
            CrossfadeError: It failed (InputError where the step ended with one); or another one did before,
                then nothing was started.
        """
        if self.failure is not None:
            raise self.failure
        self.started(step)
        log = self.directory / f"{step}.log"
        start = time.monotonic()
        code, used = self._execute(command, environment, log)
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

    def _execute(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> tuple[int, Used]:
        usage = self.directory / "tmp" / f"{log.stem}.json"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-IS", measured.__file__, str(usage), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                start_new_session=True,
            )
        self.lock.add(process.pid)
        try:
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            raise
        finally:
            self.lock.remove(process.pid)
        used: Used = json.loads(usage.read_text("utf-8")) if usage.is_file() else {}
        return code, used


def _failure(step: str, code: int, log: Path) -> errors.CrossfadeError:
    """Tell why a step failed: the library's own message, else its exception or the signal that ended it."""
    text = log.read_text("utf-8", errors="replace")
    ended_by = -code if code < 0 else code - measured.SHELL_SIGNALS
    refusals = list(LIBRARY_ERROR.finditer(text))
    kind = errors.CrossfadeError
    if refusals:
        reason = text[refusals[-1].end() :].split("\n\n")[0].strip()
        is_input = issubclass(getattr(errors, refusals[-1].group(1), kind), errors.InputError)
        kind = errors.InputError if is_input else kind
    elif ended_by in set(signal.Signals):
        reason = f"ended by {signal.Signals(ended_by).name}" + OUT_OF_MEMORY * (ended_by == signal.SIGKILL)
    elif TRACEBACK in text:
        reason = text.strip().splitlines()[-1]
    else:
        reason = f"ended with code {code}"
    return kind(f"step {step}: {reason} (log: {log})")
