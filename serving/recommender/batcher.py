"""One worker thread that answers requests; those that come while it works are answered together."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
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


Answers = list[Slate | Exception] | BaseException
Box = SimpleQueue[Answers]


class _Worker:
    """A thread that answers one batch after the other; queues hand them over sooner than an executor's futures do.

    It begins with its first batch, on the core of whoever hands that over, and ends with the process.
    """

    def __init__(self, answer_all: AnswerAll) -> None:
        self._answer_all = answer_all
        self._asked: SimpleQueue[tuple[Sequence[Asked], Box]] = SimpleQueue()
        self._thread: Thread | None = None

    def begin(self, asked: Sequence[Asked]) -> Box:
        """Hand a batch over; its answers come into a box of its own, so nobody else ever finds them."""
        if self._thread is None:
            thread = Thread(target=self._run, name="recommender", daemon=True)
            thread.start()
            self._thread = thread
        box: Box = SimpleQueue()
        self._asked.put((asked, box))
        return box

    def _run(self) -> None:
        while True:
            asked, box = self._asked.get()
            try:
                answers: Answers = self._answer_all(asked)
            except BaseException as error:  # noqa: BLE001 (raised where it is waited for)
                answers = error
            box.put(answers)


class Batcher:
    """Batches by itself: an idle worker takes a request alone and at once, a busy one finds several waiting.

    Belongs to one event loop, which takes turns with the worker.

    Args:
        answer_all: Answers n requests, called in the worker thread; what it raises each of them is told.
        stand_in: Answers one request from memory, at once, on the event loop.
        settings: `batch_requests`, `queue_requests` and `patience_ms` are read.
        recorder: Told of batches and waits.
    """

    def __init__(
        self, answer_all: AnswerAll, stand_in: StandIn, settings: ServingSettings, recorder: Recorder
    ) -> None:
        self._stand_in, self._settings = stand_in, settings
        self._recorder = recorder
        self._waiting: deque[_Waiting] = deque()
        self._worker = _Worker(answer_all)
        self._work: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Slate:
        """Answer one request; with a stand-in where the queue is full or the wait was too long.

        Raises:
            InputError: The request is wrong.
        """
        if len(self._waiting) >= self._settings.queue_requests:
            return self._stand_in(asked)
        waiting = _Waiting(asked, time.monotonic(), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._answer_waiting())
        return await waiting.future

    async def _answer_waiting(self) -> None:
        while batch := self._next_batch():
            try:
                slates = await self._answered([waiting.asked for waiting in batch])
            except Exception as error:  # noqa: BLE001 (each of the batch is told, and the next one is answered)
                slates = [error] * len(batch)
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
        box = self._worker.begin(asked)
        try:
            answers = box.get(timeout=REST_SECONDS)
        except Empty:
            answers = await asyncio.get_running_loop().run_in_executor(None, box.get)
        if isinstance(answers, BaseException):
            raise answers
        if len(answers) != len(asked):
            raise RuntimeError(f"{len(answers)} answers came for {len(asked)} requests.")
        return answers

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
                self._stand_in_for(waiting)
        if batch:
            self._recorder.record(BATCH_REQUESTS, len(batch))
        return batch

    def _stand_in_for(self, waiting: _Waiting) -> None:
        try:
            waiting.future.set_result(self._stand_in(waiting.asked))
        except Exception as error:  # noqa: BLE001 (the others of the batch are answered all the same)
            waiting.future.set_exception(error)
