"""Batches form while the worker is busy; a full queue and a long wait get a stand-in; repeated ids one answer."""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from crossfade.recommender.asking import Ask
from crossfade.schema.errors import InputError
from crossfade.schema.metrics import Unrecorded
from crossfade.schema.serving_settings import ServingSettings
from crossfade.schema.settings import load_settings
from crossfade.schema.tables import Surface
from serving.recommender.batcher import Batcher
from serving.recommender.replies import Replies
from serving.recommender.wire import Asked


def asked(name: str, country: str | None = None, user: str | None = None) -> Asked:
    return Asked(
        Ask(request_id=name, surface=Surface.HOME, country=country, user_id=user),
        None,
        explain=False,
        is_named=True,
    )


def chosen(*assignments: str) -> ServingSettings:
    return load_settings(None, [f"serving.{each}" for each in assignments]).serving


class Worker:
    """Answers with the request's id; waits for `go` first; a request named "wrong" is an error."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.batches: list[list[str | None]] = []

    def __call__(self, batch: Sequence[Asked]) -> list[dict[str, Any] | Exception]:
        self.go.wait()
        self.batches.append([each.ask.request_id for each in batch])
        return [
            InputError("It is wrong.")
            if each.ask.request_id == "wrong"
            else {"of": each.ask.request_id, "fallback": None}
            for each in batch
        ]


def stand_in(request: Asked) -> dict[str, Any]:
    return {"of": request.ask.request_id, "fallback": "popular"}


async def gathered(worker: Worker, settings: ServingSettings, names: str) -> list[Any]:
    """Ask for all at once, let the worker go, and return answers and errors."""
    batcher = Batcher(worker, stand_in, settings, Unrecorded())
    tasks = [asyncio.create_task(batcher.ask(asked(name))) for name in names.split()]
    await asyncio.sleep(0.05)
    worker.go.set()
    return list(await asyncio.gather(*tasks, return_exceptions=True))


def test_an_idle_worker_takes_one_and_a_busy_one_finds_the_rest_waiting() -> None:
    worker = Worker()
    answers = asyncio.run(gathered(worker, chosen("batch_requests=3"), "a b c d e"))
    assert [each["of"] for each in answers] == list("abcde")
    assert {each["fallback"] for each in answers} == {None}
    assert worker.batches == [["a", "b", "c"], ["d", "e"]]


def test_a_request_with_reasons_takes_the_room_of_two() -> None:
    async def run() -> list[list[str | None]]:
        worker = Worker()
        batcher = Batcher(worker, stand_in, chosen("batch_requests=4"), Unrecorded())
        told = [replace(asked(name), explain=name in "bc") for name in "abcde"]
        tasks = [asyncio.create_task(batcher.ask(each)) for each in told]
        worker.go.set()
        await asyncio.gather(*tasks)
        return worker.batches

    assert asyncio.run(run()) == [["a", "b", "c"], ["d", "e"]]


def test_what_the_worker_raises_is_raised_where_it_is_waited_for_and_it_goes_on() -> None:
    async def run() -> list[Any]:
        worker = Worker()
        worker.go.set()

        def answer_all(batch: Sequence[Asked]) -> list[dict[str, Any] | Exception]:
            if batch[0].ask.request_id == "fatal":
                raise ZeroDivisionError("It cannot be.")
            return worker(batch)[: -1 if batch[0].ask.request_id == "few" else None]

        batcher = Batcher(answer_all, stand_in, chosen(), Unrecorded())
        with pytest.raises(ZeroDivisionError):
            await batcher.ask(asked("fatal"))
        with pytest.raises(RuntimeError, match="0 answers came for 1"):
            await batcher.ask(asked("few"))
        return [await batcher.ask(asked(name)) for name in "ab"]

    assert [each["of"] for each in asyncio.run(run())] == ["a", "b"]


def test_answers_that_nobody_could_wait_for_reach_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[Any, ...]:
        worker = Worker()
        batcher = Batcher(worker, stand_in, chosen(), Unrecorded())

        def no_threads(*_: Any) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as broken:
            broken.setattr(asyncio.get_running_loop(), "run_in_executor", no_threads)
            with pytest.raises(RuntimeError, match="new thread"):  # it takes longer than the loop rests
                await batcher.ask(asked("slow"))
        worker.go.set()
        return tuple([(await batcher.ask(asked(name)))["of"] for name in "ab"])

    assert asyncio.run(run()) == ("a", "b")


def test_a_stand_in_that_fails_fails_its_own_request_alone() -> None:
    def fails_for_b(request: Asked) -> dict[str, Any]:
        if request.ask.request_id == "b":
            raise ValueError("It stands in for nobody.")
        return stand_in(request)

    async def run() -> list[Any]:
        worker = Worker()
        batcher = Batcher(worker, fails_for_b, chosen("patience_ms=20", "batch_requests=1"), Unrecorded())
        tasks = [asyncio.create_task(batcher.ask(asked(name))) for name in "abc"]
        await asyncio.sleep(0.1)
        worker.go.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    first, second, third = asyncio.run(run())
    assert (first["of"], third["fallback"]) == ("a", "popular")
    assert isinstance(second, ValueError)


def test_an_error_is_its_own_request_s_only() -> None:
    worker = Worker()
    first, wrong, last = asyncio.run(gathered(worker, chosen(), "a wrong b"))
    assert isinstance(wrong, InputError)
    assert (first["of"], last["of"]) == ("a", "b")


def test_a_full_queue_gets_a_stand_in_at_once() -> None:
    worker = Worker()
    answers = asyncio.run(gathered(worker, chosen("queue_requests=2"), "a b c"))
    assert [each["fallback"] for each in answers] == [None, None, "popular"]


def test_who_waited_too_long_gets_a_stand_in() -> None:
    worker = Worker()
    answers = asyncio.run(gathered(worker, chosen("batch_requests=1", "patience_ms=10"), "a b"))
    assert [each["fallback"] for each in answers] == [None, "popular"]


class Counted:
    """Answers after a moment and counts; poor while `fallback` is set."""

    def __init__(self) -> None:
        self.calls = 0
        self.fallback: str | None = None

    async def __call__(self, request: Asked) -> dict[str, Any]:
        self.calls += 1
        await asyncio.sleep(0.01)
        return {"call": self.calls, "fallback": self.fallback}


def test_a_repeated_id_is_answered_once_also_while_the_first_is_under_way() -> None:
    async def run() -> None:
        replies, answer = Replies(chosen()), Counted()
        together = await asyncio.gather(*(replies.once(asked("a"), answer) for _ in range(3)))
        assert [each["call"] for each in together] == [1, 1, 1]
        assert (await replies.once(asked("a"), answer))["call"] == 1
        with pytest.raises(InputError, match="request_id='a' was used for another request a moment ago"):
            await replies.once(asked("a", country="SE"), answer)
        unnamed = replace(asked("a"), is_named=False)
        assert (await replies.once(unnamed, answer))["call"] == 2
        assert len(replies) == 1
        assert (await replies.once(asked("a", user="b"), answer))["call"] == 3

    asyncio.run(run())


def test_poor_answers_old_ones_and_those_beyond_the_limit_are_forgotten() -> None:
    async def run() -> None:
        replies, answer = Replies(chosen("replies=2", "reply_seconds=0.1")), Counted()
        answer.fallback = "popular"
        await replies.once(asked("a"), answer)
        assert len(replies) == 0
        answer.fallback = None
        for name in "abc":
            await replies.once(asked(name), answer)
        assert len(replies) == 2
        assert (await replies.once(asked("c"), answer))["call"] == 4
        await asyncio.sleep(0.11)
        assert (await replies.once(asked("c"), answer))["call"] == 5

    asyncio.run(run())


def test_a_clock_that_jumps_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        replies, answer = Replies(chosen()), Counted()
        await replies.once(asked("a"), answer)
        monkeypatch.setattr(time, "time", lambda: 0.0)
        assert (await replies.once(asked("a"), answer))["call"] == 1

    asyncio.run(run())
