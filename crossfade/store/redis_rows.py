"""Rows in Redis, for servers on many machines: generations side by side, switched by one write.

    crossfade:<surface>:live                    list: activated generations, the last one is live
    crossfade:<surface>:generations             hash: name -> about, of the whole ones
    crossfade:<surface>:<generation>:<bucket>   hash: key -> value; 1,024 buckets by hash of the key

Buckets spread a generation over the shards of a cluster, and name all that is to be removed without a scan.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final
from zlib import crc32

from crossfade.schema.errors import CrossfadeError, IntegrityError, MissingExtraError, NotFoundError
from crossfade.store.contract import Generation
from crossfade.store.credentials import with_credentials, without_credentials

BUCKETS: Final = 1024


def connected(url: str, timeout_seconds: float | None = None) -> "RedisRows":
    """Return the rows of a Redis server.

    Args:
        url: redis://host:port/database, rediss:// with TLS.
        timeout_seconds: Longest wait for an answer; None waits for as long as it takes.

    Raises:
        MissingExtraError: `redis` is not installed.
        NotFoundError: The URL is not the address of a Redis.
        CrossfadeError: The server does not answer.
    """
    try:
        import redis
    except ImportError as error:
        raise MissingExtraError("redis", "redis") from error
    waits = {"socket_timeout": timeout_seconds, "socket_connect_timeout": timeout_seconds}
    try:
        client = redis.Redis.from_url(with_credentials(url), **waits)
        client.ping()
    except ValueError as error:
        raise NotFoundError(
            f"{without_credentials(url)!r} is not the address of a Redis: {error}."
        ) from error
    except redis.RedisError as error:
        raise CrossfadeError(f"Redis at {without_credentials(url)} does not answer: {error}.") from error
    return RedisRows(client)


@dataclass(frozen=True)
class RedisRows:
    """Generations of rows in Redis.

    Args:
        client: A `redis.Redis` that returns bytes.
    """

    client: Any

    @contextmanager
    def begin(self, generation: Generation) -> Iterator["RedisWriter"]:
        """Write a generation beside the live one; it is whole when the block ends and gone when it fails.

        One of this name that is whole is not there while it is written anew.
        """
        surface, name = generation.surface, generation.name
        self._remove(surface, name)  # of a writer that was killed
        try:
            yield RedisWriter(self.client, generation)
        except BaseException:
            self._remove(surface, name)
            raise
        self.client.hset(_generations(surface), name, json.dumps(asdict(generation)))

    def reader(self, surface: str, generation: str | None = None) -> "RedisReader":
        """Open a generation; None takes the live one.

        Raises:
            NotFoundError: There is no such generation, or none is live yet.
        """
        name = generation or self.live(surface)
        about = None if name is None else self.client.hget(_generations(surface), name)
        if about is None:
            raise self._unknown(surface, name)
        return RedisReader(self.client, Generation.of(json.loads(about)))

    def activate(self, surface: str, generation: str) -> None:
        """Make a whole generation the live one, by one atomic write.

        Raises:
            NotFoundError: There is no such generation.
        """
        if not self.client.hexists(_generations(surface), generation):
            raise self._unknown(surface, generation)
        if self.live(surface) != generation:
            self.client.rpush(_live(surface), generation)

    def rollback(self, surface: str) -> str:
        """Make the generation that was live before the live one, and return its name.

        Raises:
            NotFoundError: No generation was live before.
        """
        history = self._history(surface)
        if len(history) < 2:
            raise NotFoundError(
                f"{surface} has no generation to roll back to in Redis; it is live: {history}."
            )
        self.client.rpop(_live(surface))
        return history[-2]

    def live(self, surface: str) -> str | None:
        """Return the name of the live generation, None before the first activation."""
        name = self.client.lindex(_live(surface), -1)
        return None if name is None else str(name.decode())

    def generations(self, surface: str) -> list[Generation]:
        """Return the whole generations, sorted by name."""
        found = self.client.hgetall(_generations(surface))
        return [Generation.of(json.loads(found[name])) for name in sorted(found)]

    def erase_rows(self, surface: str, keys: Collection[bytes]) -> dict[str, int]:
        """Remove keys from every generation, each in one transaction; readers go on meanwhile.

        Returns:
            {generation: rows removed} of those that had one of the keys.
        """
        removed: dict[str, int] = {}
        for about in self.generations(surface):
            values = self.reader(surface, about.name).values(list(keys))
            held = [key for key, value in zip(keys, values, strict=True) if value is not None]
            if held:
                left = replace(about, num_users=about.num_users - len(held))
                pipeline = self.client.pipeline()
                for key in held:
                    pipeline.hdel(_bucket(about, key), key)
                pipeline.hset(_generations(surface), about.name, json.dumps(asdict(left)))
                pipeline.execute()
                removed[about.name] = len(held)
        return removed

    def prune(self, surface: str, keep: int) -> list[str]:
        """Remove all but the last `keep` activated generations (the live one included); return what went."""
        history = self._history(surface)
        kept = list(dict.fromkeys(reversed(history)))[: max(keep, 1)]
        removed = [each.name for each in self.generations(surface) if each.name not in kept]
        for name in removed:
            self.client.lrem(_live(surface), 0, name)
            self._remove(surface, name)
        return removed

    def _history(self, surface: str) -> list[str]:
        return [name.decode() for name in self.client.lrange(_live(surface), 0, -1)]

    def _remove(self, surface: str, name: str) -> None:
        """Remove a generation: its name first, so that no reader opens half of it."""
        pipeline = self.client.pipeline(transaction=False)
        pipeline.hdel(_generations(surface), name)
        for number in range(BUCKETS):
            pipeline.unlink(f"crossfade:{surface}:{name}:{number}")
        pipeline.execute()

    def _unknown(self, surface: str, generation: str | None) -> NotFoundError:
        known = ", ".join(each.name for each in self.generations(surface)) or "none"
        return NotFoundError(f"{surface} has no generation {generation} in Redis; there are: {known}.")


@dataclass(frozen=True)
class RedisWriter:
    """A generation that is being written and that no reader sees yet."""

    client: Any
    generation: Generation

    def put_values(self, values: Mapping[bytes, bytes]) -> None:
        """Add values and read them back; what is there already is replaced.

        Raises:
            IntegrityError: The server gives back something else.
        """
        pipeline = self.client.pipeline(transaction=False)
        for key, value in values.items():
            pipeline.hset(_bucket(self.generation, key), key, value)
        pipeline.execute()
        if RedisReader(self.client, self.generation).read(list(values)) != list(values.values()):
            raise IntegrityError(
                f"Redis gives back other values than were written to {self.generation.name}; look whether it evicts keys "
                "(maxmemory-policy) and write the generation again."
            )


@dataclass(frozen=True)
class RedisReader:
    """A view of one generation."""

    client: Any
    generation: Generation

    def values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values under n keys, None where there is none, in one round trip.

        Raises:
            NotFoundError: The generation is gone: it was pruned after this view was opened.
        """
        *found, is_there = self._asked(keys, self.generation.name)
        if not is_there:
            raise NotFoundError(
                f"Generation {self.generation.name} of {self.generation.surface} is gone from Redis; open the live one."
            )
        return found

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys with their values, bucket by bucket."""
        for number in range(BUCKETS):
            yield from self.client.hgetall(_place(self.generation, number)).items()

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values under n keys, whether the generation is whole or not."""
        return self._asked(keys, "")[:-1]

    def _asked(self, keys: Sequence[bytes], name: str) -> list[Any]:
        pipeline = self.client.pipeline(transaction=False)
        for key in keys:
            pipeline.hget(_bucket(self.generation, key), key)
        pipeline.hexists(_generations(self.generation.surface), name)
        return list(pipeline.execute())


def _generations(surface: str) -> str:
    return f"crossfade:{surface}:generations"


def _live(surface: str) -> str:
    return f"crossfade:{surface}:live"


def _bucket(generation: Generation, key: bytes) -> str:
    return _place(generation, crc32(key) % BUCKETS)


def _place(generation: Generation, number: int) -> str:
    return f"crossfade:{generation.surface}:{generation.name}:{number}"
