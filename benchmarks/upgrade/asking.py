"""Clients that ask at a steady pace over connections that they keep, and count what was lost."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx

PATIENCE_SECONDS: Final = 30


class Clients:
    """Threads that ask in turn until stopped.

    Args:
        url: Asked by POST.
        bodies: Sent in turn.
        num_clients: Threads, each with a connection of its own.
        pause_seconds: Of each between an answer and its next request.
    """

    def __init__(self, url: str, bodies: Sequence[Any], num_clients: int, pause_seconds: float) -> None:
        self.seen: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._url, self._pause_seconds = url, pause_seconds
        self._bodies = [itertools.cycle([*bodies[n:], *bodies[:n]]) for n in range(num_clients)]
        self._ended = threading.Event()

    @property
    def num_lost(self) -> int:
        """Requests without an answer, or with another than 200."""
        return sum(self.errors.values())

    @contextmanager
    def asking(self) -> Iterator["Clients"]:
        """Ask for the block."""
        threads = [threading.Thread(target=self._ask, args=(bodies,)) for bodies in self._bodies]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _ask(self, bodies: Iterator[Any]) -> None:
        with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            while not self._ended.is_set():
                try:
                    self._note(client.post(self._url, json=next(bodies)))
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
            self.seen[f"bundle {told['bundle']}"] += 1
