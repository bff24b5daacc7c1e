"""One worker thread that answers requests; those that come while it works are answered together."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from crossfade.schema.metrics import BATCH_REQUESTS, QUEUE_SECONDS, Recorder
from crossfade.schema.serving_settings import ServingSettings
from serving.recommender.wire import Asked

# While a batch is answered the event loop does nothing, for so long at most: what it does meanwhile takes three times as long as
# between two batches, since both threads wait for the interpreter and find the caches with the other one.
REST_SECONDS: Final = 0.05
# Of the event loop, between two batches: answers are written, what came meanwhile is received, read and asked for.
TURNS: Final = 4

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

    Belongs to one event loop, which takes turns with the worker.

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
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Slate:
        """Answer one request; with a stand-in where the queue is full or the wait was too long.

        Raises:
            InputError: The request is wrong.
        """
        if len(self._waiting) >= self._settings.queue_requests:
            return self._stand_in(asked)
        waiting = _Waiting(asked, time.monotonic(), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await waiting.future

    async def _work(self) -> None:
        while batch := self._next_batch():
            slates = await self._answered([waiting.asked for waiting in batch])
            for waiting, slate in zip(batch, slates, strict=True):
                if waiting.future.done():  # its client is gone
                    continue
                if isinstance(slate, Exception):
                    waiting.future.set_exception(slate)
                else:
                    waiting.future.set_result(slate)
            for _ in range(TURNS):
                await asyncio.sleep(0)

    async def _answered(self, asked: Sequence[Asked]) -> list[Slate | Exception]:
        answering = self._pool.submit(self._answer_all, asked)
        try:
            return answering.result(REST_SECONDS)
        except TimeoutError:
            return await asyncio.wrap_future(answering)

    def _next_batch(self) -> list[_Waiting]:
        """Take what waits, up to a batch; who has waited too long is answered by the stand-in and not taken."""
        batch: list[_Waiting] = []
        now, size = time.monotonic(), 0
        while self._waiting and size < self._settings.batch_requests:
            waiting = self._waiting.popleft()
            self._recorder.record(QUEUE_SECONDS, now - waiting.since)
            if now - waiting.since <= self._settings.patience_ms / 1000:
                batch.append(waiting)
                # Reasons take ten times as long, and the whole batch waits for them.
                size += 1 + waiting.asked.explain
            elif not waiting.future.done():
                waiting.future.set_result(self._stand_in(waiting.asked))
        if batch:
            self._recorder.record(BATCH_REQUESTS, len(batch))
        return batch
