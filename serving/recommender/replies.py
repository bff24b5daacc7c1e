"""Answers by request id, so that a request that a client repeats is answered once and the same again."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from crossfade.schema.errors import InputError
from crossfade.schema.serving_settings import ServingSettings
from serving.recommender.batcher import Slate
from serving.recommender.wire import Asked, fingerprint

Name = tuple[str | None, str | None]  # user and request id: nobody can use up an id for somebody else


@dataclass(frozen=True)
class _Reply:
    fingerprint: str
    since: float
    slate: "asyncio.Future[Slate]"


class Replies:
    """Remembers the last answers; a repeated request waits for, or gets, the answer of the first.

    Errors and fallbacks are not remembered: the next try may fare better. Belongs to one event loop.

    Args:
        settings: `replies` and `reply_seconds` are read.
    """

    def __init__(self, settings: ServingSettings) -> None:
        self._settings = settings
        self._replies: OrderedDict[Name, _Reply] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of answers that are remembered."""
        return len(self._replies)

    async def once(self, asked: Asked, answer: Callable[[Asked], Awaitable[Slate]]) -> Slate:
        """Return the answer of the first request of this id, or ask for it.

        Raises:
            InputError: The user made another request under the id.
        """
        if not asked.is_named:
            return await answer(asked)
        name = (asked.ask.user_id, asked.ask.request_id)
        told = fingerprint(asked)
        known = self._fresh(name)
        if known is None:
            known = _Reply(told, time.monotonic(), asyncio.ensure_future(answer(asked)))
            self._replies[name] = known
            known.slate.add_done_callback(lambda _: self._forget_if_poor(name, known))
            while len(self._replies) > self._settings.replies:
                self._replies.popitem(last=False)
        elif known.fingerprint != told:
            raise InputError(
                f"request_id={name[1]!r} was used for another request a moment ago; choose a new one."
            )
        return await asyncio.shield(known.slate)

    def _fresh(self, name: Name) -> _Reply | None:
        """Return what is known of an id; whatever is too old goes, oldest first."""
        oldest = time.monotonic() - self._settings.reply_seconds
        while self._replies and next(iter(self._replies.values())).since < oldest:
            self._replies.popitem(last=False)
        return self._replies.get(name)

    def _forget_if_poor(self, name: Name, reply: _Reply) -> None:
        slate = reply.slate
        is_poor = slate.cancelled() or slate.exception() is not None or slate.result()["fallback"] is not None
        if is_poor and self._replies.get(name) is reply:
            del self._replies[name]
