"""Slates of the generation that is live in Redis: one round trip asks for a slate and for whether it is still of what is live."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crossfade.store.contract import PackedSlate, StaleError
from crossfade.store.encoding import key_of
from crossfade.store.redis_generation import RedisReader, speaking
from crossfade.store.redis_line import RedisLine


@dataclass(frozen=True)
class Live:
    """What was live at the last look.

    Args:
        reader: Of the generation.
        history: Key of the list of activated generations.
        generations: Key of the hash of generations.
    """

    reader: RedisReader
    history: str
    generations: str

    def asked(self, key: bytes) -> list[tuple[Any, ...]]:
        """Return the commands whose answers `taken` takes."""
        return [
            ("LINDEX", self.history, -1),
            ("HMGET", self.generations, *self._about),
            *self.reader.asked(key),
        ]

    def taken(self, answers: Sequence[Any], user: str) -> PackedSlate | None:
        """Take what was answered as a user's slate.

        Raises:
            StaleError: Another generation is live, or this one was written anew.
        """
        live, told, *values = answers
        if live != self.reader.generation.name.encode() or told != list(self._about.values()):
            raise StaleError(f"{self.reader.generation.name} is not live any more; look at what is.")
        return self.reader.taken(values, user)

    @cached_property
    def _about(self) -> dict[str, bytes]:
        """What stands in the hash of generations, by name: of the live one, and of the one that it stands on."""
        readers = (self.reader, self.reader.base)
        return {reader.generation.name: reader.about for reader in readers if reader is not None}


class RedisReads:
    """Reads of live slates that an event loop waits for.

    Args:
        line: To the Redis.
        live: Returns what was live at the last look, None before the first one.
        client: Names the Redis in errors.
    """

    def __init__(self, line: RedisLine, live: Callable[[str], Live | None], client: Any) -> None:
        self._line, self._live, self._client = line, live, client

    async def packed(self, surface: str, user: str) -> PackedSlate | None:
        """Return the user's slate of the live generation, None for a user without one.

        Raises:
            StaleError: What is live has to be looked at first, by the store's own `packed`.
            CrossfadeError: Redis does not answer.
        """
        key, live = key_of(user), self._live(surface)
        if key is None or live is None:
            raise StaleError(f"Nothing is known yet of what is live of {surface}; look at what is.")
        with speaking(self._client):
            answers = await self._line.ask(live.asked(key))
        return live.taken(answers, user)

    def close(self) -> None:
        """Close the connection."""
        self._line.close()
