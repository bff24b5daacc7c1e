"""The process that steps of local runs are forked from: python -m crossfade.cli.zygote.

It has imported what steps need, so that a step starts in a tenth of a second instead of two to eight. Nothing is done before a
fork but imports: no data is read, no pool of threads is started. It reads requests, one JSON object a line, from its standard
input, and answers on its standard output with a line when a step has started and one when it has ended; it ends with its input.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from crossfade.cli.collecting import collect_rarely

ALWAYS: Final = ("kfp.dsl.executor_main", "numba", "pandas", "pyarrow.dataset", "crossfade.lake.build")
RSS_UNIT_BYTES: Final = 1 if sys.platform == "darwin" else 1024  # getrusage(2): KiB on Linux, bytes on macOS
CHUNK_BYTES: Final = 1 << 16
INPUT, CHILDREN = "input", "children"

Request = Mapping[str, Any]


@dataclass
class Zygote:
    """Forks steps and tells of them.

    Args:
        requests: Descriptor to read from.
        replies: Descriptor to write to.
        inherited: The environment of this process when it started; of a step's, what imports have set since stays.
    """

    requests: int
    replies: int
    inherited: Mapping[str, str]
    _running: dict[int, int] = field(default_factory=dict)
    _pending: bytes = b""

    def serve(self) -> Request | None:
        """Return None when the input ends, and in each forked process the request that it is for."""
        wake, woken = os.pipe()
        os.set_blocking(woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        selector = selectors.DefaultSelector()
        selector.register(self.requests, selectors.EVENT_READ, INPUT)
        selector.register(wake, selectors.EVENT_READ, CHILDREN)
        while True:
            for key, _ in selector.select():
                received = os.read(key.fd, CHUNK_BYTES)
                if key.data == CHILDREN:
                    self._tell_ended()
                elif not received:
                    return None
                elif request := self._forked(received):
                    selector.close()
                    return request

    def _forked(self, received: bytes) -> Request | None:
        *lines, self._pending = (self._pending + received).split(b"\n")
        for line in lines:
            request: Request = json.loads(line)
            import_all(request["imports"])
            if self._fork(request):
                return request
        return None

    def _fork(self, request: Request) -> bool:
        """Return whether this is the new process."""
        gc.freeze()  # what is there is shared; looking at it would copy it
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.close(reader)
            os.close(writer)
            return True
        os.close(writer)
        os.read(reader, 1)  # ends when the step leads a session of its own and so can be signalled
        os.close(reader)
        self._running[pid] = request["id"]
        self._tell({"id": request["id"], "pid": pid})
        return False

    def _tell_ended(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.wait4(-1, os.WNOHANG))[0]:
                pid, status, usage = ended
                used = {
                    "cpu_seconds": usage.ru_utime + usage.ru_stime,
                    "peak_rss_bytes": usage.ru_maxrss * RSS_UNIT_BYTES,
                }
                code = os.waitstatus_to_exitcode(status)
                self._tell({"id": self._running.pop(pid), "code": code, "used": used})

    def _tell(self, reply: Mapping[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # whoever asked is gone, and so will this process be
            os.write(self.replies, json.dumps(reply).encode() + b"\n")


def import_all(names: list[str]) -> None:
    """Import modules that a step will, or call `module:function`; what is missing or broken is the step's to tell."""
    if sys.platform == "darwin":  # its frameworks do not bear a fork
        return
    for name in names:
        module, _, function = name.partition(":")
        with contextlib.suppress(Exception):  # the step imports it again, and fails with a log of its own
            imported = importlib.import_module(module)
            if function:
                getattr(imported, function)()


def become(request: Request, inherited: Mapping[str, str]) -> None:
    """Make this process the step: its signals, output, environment and directory."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    for name in inherited.keys() - request["environment"].keys():
        os.environ.pop(name, None)
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    tempfile.tempdir = None
    sys.path[0] = request["directory"]
    sys.argv = ["executor_main", *request["arguments"]]


def main() -> None:
    """Serve requests; in each forked process, run KFP's executor."""
    collect_rarely()
    requests, replies = os.dup(0), os.dup(1)  # not inherited by what steps start
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    inherited = dict(os.environ)
    import_all(list(ALWAYS))
    request = Zygote(requests, replies, inherited).serve()
    if request is None:
        return
    os.close(requests)
    os.close(replies)
    become(request, inherited)
    from kfp.dsl.executor_main import executor_main

    executor_main()


if __name__ == "__main__":
    main()
