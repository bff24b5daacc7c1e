"""Starts steps as forks of one process that has imported what they need (`crossfade.cli.zygote`).

The process is started with the first step and lives as long as this one; whoever starts it owns it, so a step is no child of
this process, and is known by its process id.
"""

import atexit
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, Final

from crossfade.schema.errors import CrossfadeError
from crossfade.schema.memory import with_huge_pages

Reply = dict[str, Any]
GONE: Final = "gone"  # key of the reply that the process itself cannot give


@dataclass(frozen=True)
class Step:
    """A step to start.

    Args:
        arguments: Of KFP's executor.
        environment: All of its variables.
        log: File for its output, replaced.
        imports: Modules that it will import, or `module:function` that import one with care.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    imports: Sequence[str] = ()


@dataclass(frozen=True)
class Started:
    """A running step: its process, which leads a session and a process group of its own."""

    pid: int
    _replies: "SimpleQueue[Reply]"

    def wait(self, seconds: float | None = None) -> tuple[int, dict[str, Any]]:
        """Wait for its end.

        Returns:
            Exit code, or minus the number of the signal that ended it; `cpu_seconds` and `peak_rss_bytes`, which counts the
            libraries that it shares with other steps.

        Raises:
            queue.Empty: It still runs after so many seconds.
            CrossfadeError: The process that starts steps is gone, so that nobody can tell.
        """
        reply = _told(self._replies.get(timeout=seconds))
        return int(reply["code"]), dict(reply["used"])


@dataclass
class Forker:
    """Talks to the process; threads may start steps at the same time."""

    process: "subprocess.Popen[bytes]"
    errors: IO[bytes]
    _waiting: "dict[int, SimpleQueue[Reply]]" = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _gone: Reply = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Listen to its answers."""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(self, step: Step) -> Started:
        """Start a step and return once it runs.

        Raises:
            CrossfadeError: The process that starts steps is gone.
        """
        replies: SimpleQueue[Reply] = SimpleQueue()
        with self._mutex:
            _told(self._gone)
            number = next(self._numbers)
            self._waiting[number] = replies
            with contextlib.suppress(BrokenPipeError):  # then the listener answers
                self._send(number, step)
        return Started(int(_told(replies.get())["pid"]), replies)

    def _send(self, number: int, step: Step) -> None:
        request = {
            "id": number,
            "arguments": list(step.arguments),
            "environment": dict(step.environment),
            "directory": os.getcwd(),
            "log": str(step.log.absolute()),
            "imports": list(step.imports),
        }
        pipe = _of(self.process.stdin)
        pipe.write(json.dumps(request).encode() + b"\n")
        pipe.flush()

    def _listen(self) -> None:
        for line in _of(self.process.stdout):
            reply: Reply = json.loads(line)
            self._waiting[reply["id"]].put(reply)
            if "code" in reply:
                del self._waiting[reply["id"]]
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().splitlines()[-1:]
        with self._mutex:
            self._gone = {GONE: "".join(f": {line}" for line in said)}
            for replies in self._waiting.values():
                replies.put(self._gone)

    def close(self) -> None:
        """End the process; its steps go on."""
        with contextlib.suppress(BrokenPipeError):
            _of(self.process.stdin).close()
        self._listener.join()
        _of(self.process.stdout).close()
        self.errors.close()
        self.process.wait()


@cache
def forker() -> Forker:
    """Return the process's one forker; the first call starts it, and does not wait for its imports."""
    made = started()
    atexit.register(made.close)
    return made


def started() -> Forker:
    """Start a forker."""
    errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with this process)
    process = subprocess.Popen(
        [sys.executable, "-m", "crossfade.cli.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=with_huge_pages({**os.environ, "PYTHONUNBUFFERED": "1"}),
        start_new_session=True,
    )
    return Forker(process, errors)


def _told(reply: Reply) -> Reply:
    if GONE in reply:
        raise CrossfadeError(f"The process that starts steps is gone{reply[GONE]}; run this again.")
    return reply


def _of(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
