"""One run at a time on a workspace, and no step left behind by a run that was killed.

The lock is the kernel's (`flock`): it ends with the process that holds it, however that ends, so it cannot go
stale. Its file lists the holder's step processes: they outlive a run that dies by SIGKILL, so the next holder
ends them before it starts.
"""

import contextlib
import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from crossfade.schema.errors import InputError
from crossfade.schema.processes import start_time

GRACE_SECONDS: Final = 5.0


def end_orphan(group: int, started: str | None) -> None:
    """End a process group that a dead run left behind, by force if it is still there after 5 seconds."""
    deadline = time.monotonic() + GRACE_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while started is not None and start_time(group) == started:
            os.killpg(group, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.1)


class RunLock:
    """The lock of one workspace while it is held; made by `held_lock`."""

    def __init__(self, descriptor: int, run: str) -> None:
        """Note the holder in the locked file."""
        self._descriptor = descriptor
        self._run = run
        self._steps: dict[int, str | None] = {}
        self._mutex = threading.Lock()
        self._write()

    def add(self, group: int) -> None:
        """Note the process group of a step that starts."""
        with self._mutex:
            self._steps[group] = start_time(group)
            self._write()

    def remove(self, group: int) -> None:
        """Forget a step that ended."""
        with self._mutex:
            self._steps.pop(group, None)
            self._write()

    def signal_steps(self, number: int) -> None:
        """Send a signal to all steps that run."""
        for group in list(self._steps):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, number)

    def _write(self) -> None:
        # The text first, then the cut: whenever this process dies, the file starts with one whole value.
        text = json.dumps({"run": self._run, "pid": os.getpid(), "steps": self._steps}).encode()
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))


@contextlib.contextmanager
def held_lock(path: Path, run: str) -> Iterator[RunLock]:
    """Hold the lock file of a workspace; first end what a killed run left running.

    Raises:
        InputError: Another run holds it; names the run and its process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        holder = _read(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{path}: the workspace is in use by run {holder.get('run')} (process {holder.get('pid')}); "
                "wait for its end or stop it."
            ) from error
        for group, started in holder.get("steps", {}).items():
            end_orphan(int(group), started)
        yield RunLock(descriptor, run)
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> dict[str, Any]:
    text = os.pread(descriptor, 1 << 20, 0).decode()
    holder: dict[str, Any] = json.JSONDecoder().raw_decode(text)[0] if text else {}
    return holder
