"""One worker thread that answers requests; those that come while it works are answered together."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from crossfade.schema.metrics import BATCH_REQUESTS, QUEUE_SECONDS, Recorder
from crossfade.schema.serving_settings import ServingSettings
from serving.recommender.wire import Asked

Slate = dict[str, Any]
# Returns for each request its slate, or the error that its client has to mend.
AnswerAll = Callable[[Sequence[Asked]], list[Slate | Exception]]
StandIn = Callable[[Asked], Slate]


@dataclass(frozen=True)
class _Waiting:
    asked: Asked
    since: float
    future: "asyncio.Future[Slate]"


class Batcher:
    """Batches by itself: an idle worker takes a request alone and at once, a busy one finds several waiting.

    Belongs to one event loop.

    Args:
        answer_all: Answers n requests, called in the worker thread; must not raise.
        stand_in: Answers one request from memory, at once, on the event loop.
        settings: `batch_requests`, `queue_requests` and `patience_ms` are read.
        recorder: Told of batches and waits.
    """

    def __init__(
        self, answer_all: AnswerAll, stand_in: StandIn, settings: ServingSettings, recorder: Recorder
    ) -> None:
        self._answer_all, self._stand_in, self._settings = answer_all, stand_in, settings
        self._recorder = recorder
        self._waiting: deque[_Waiting] = deque()
        self._pool = ThreadPoolExecutor(1, "recommender")
        self._changing = threading.Lock()  # of what waits together with whether the worker will look at it
        self._is_working = False

    async def ask(self, asked: Asked) -> Slate:
        """Answer one request; with a stand-in where the queue is full or the wait was too long.

        Raises:
            InputError: The request is wrong.
        """
        if len(self._waiting) >= self._settings.queue_requests:
            return self._stand_in(asked)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(asked, time.monotonic(), loop.create_future())
        with self._changing:
            self._waiting.append(waiting)
            was_working, self._is_working = self._is_working, True
        if not was_working:  # soon, not now: requests that were read together are answered together
            loop.call_soon(self._pool.submit, self._work, loop)
        return await waiting.future

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer until nobody waits; in the worker thread.

        It takes each batch itself. Were the event loop to hand them over, it would have to be woken between any two.
        """
        try:
            while batch := self._next_batch(loop):
                slates = self._answer_all([waiting.asked for waiting in batch])
                loop.call_soon_threadsafe(_hand_out, batch, slates)
        except BaseException:
            self._is_working = False  # who asks next starts it again
            raise

    def _next_batch(self, loop: asyncio.AbstractEventLoop) -> list[_Waiting]:
        """Take what waits, up to a batch; who has waited too long is answered by the stand-in and not taken."""
        batch: list[_Waiting] = []
        now = time.monotonic()
        with self._changing:
            while self._waiting and len(batch) < self._settings.batch_requests:
                waiting = self._waiting.popleft()
                self._recorder.record(QUEUE_SECONDS, now - waiting.since)
                if now - waiting.since <= self._settings.patience_ms / 1000:
                    batch.append(waiting)
                else:
                    loop.call_soon_threadsafe(self._stand_in_for, waiting)
            self._is_working = bool(batch)
        if batch:
            self._recorder.record(BATCH_REQUESTS, len(batch))
        return batch

    def _stand_in_for(self, waiting: _Waiting) -> None:
        if not waiting.future.done():
            waiting.future.set_result(self._stand_in(waiting.asked))


def _hand_out(batch: Sequence[_Waiting], slates: Sequence[Slate | Exception]) -> None:
    for waiting, slate in zip(batch, slates, strict=True):
        if waiting.future.done():  # its client is gone
            continue
        if isinstance(slate, Exception):
            waiting.future.set_exception(slate)
        else:
            waiting.future.set_result(slate)
