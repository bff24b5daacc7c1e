"""Clients that ask at a steady pace over connections that they keep, and count what was lost."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import httpx

PATIENCE_SECONDS: Final = 30


class Call(NamedTuple):
    """A request.

    Args:
        path: Below the address.
        body: Sent by POST; None is a GET.
    """

    path: str
    body: Any = None


class Clients:
    """Threads that ask in turn until stopped.

    After use: `seen` counts requests, fallbacks, stored playlists, and other answers by bundle; `errors` what was lost, by kind.

    Args:
        url: Asked, without a path.
        calls: Sent in turn.
        num_clients: Threads, each with a connection of its own.
        pause_seconds: Of each between an answer and its next request.
    """

    def __init__(self, url: str, calls: Sequence[Call], num_clients: int, pause_seconds: float) -> None:
        self.seen: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._url, self._pause_seconds = url, pause_seconds
        self._calls = [itertools.cycle([*calls[n:], *calls[:n]]) for n in range(num_clients)]
        self._ended = threading.Event()

    @property
    def num_lost(self) -> int:
        """Requests without an answer, or with another than 200."""
        return sum(self.errors.values())

    @contextmanager
    def asking(self) -> Iterator["Clients"]:
        """Ask for the block."""
        threads = [threading.Thread(target=self._ask, args=(calls,)) for calls in self._calls]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _ask(self, calls: Iterator[Call]) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            while not self._ended.is_set():
                call = next(calls)
                try:
                    answer = client.request("GET" if call.body is None else "POST", call.path, json=call.body)
                    self._note(answer)
                except httpx.HTTPError as error:
                    with self._lock:
                        self.seen["requests"] += 1
                        self.errors[type(error).__name__] += 1
                time.sleep(self._pause_seconds)

    def _note(self, answer: httpx.Response) -> None:
        told = answer.json() if answer.status_code == 200 else {}
        with self._lock:
            self.seen["requests"] += 1
            if not told:
                self.errors[str(answer.status_code)] += 1
                return
            self.seen["fallbacks"] += told["fallback"] is not None
            self.seen["stored" if "generation" in told else f"bundle {told['bundle']}"] += 1
