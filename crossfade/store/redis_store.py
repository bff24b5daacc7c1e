"""The Redis store: slates in hashes of about a thousand users, a list that names the live generation.

crossfade:{<surface>}:history       list of activated generations, the last one is live
crossfade:{<surface>}:generations   hash: name -> JSON of what it was made from, and of where its slates are
crossfade:slates:<token>:<bucket>   hash: user -> slate; the token is new for every writing, so that nothing is overwritten

A hash of a thousand users keeps one expiry and one key for all of them, and hashes spread over a cluster's nodes.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self
from uuid import uuid4
from zlib import crc32

import pyarrow as pa

from crossfade.schema.errors import CrossfadeError, IntegrityError, MissingExtraError, NotFoundError
from crossfade.store.contract import Generation, StoredSlate
from crossfade.store.encoding import decode, key_of, keyed

try:
    import redis
except ImportError as error:
    raise MissingExtraError("redis", "redis") from error

USERS_PER_BUCKET: Final = 1000
PIPELINED: Final = 500  # commands that go out together
WRITING_SECONDS: Final = 86_400  # what a killed writer left behind is gone after a day

# Each switch is one script, and so one atomic write.
ACTIVATE: Final = """
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 0 end
if redis.call('LINDEX', KEYS[1], -1) ~= ARGV[1] then redis.call('RPUSH', KEYS[1], ARGV[1]) end
return 1
"""
ROLLBACK: Final = """
if redis.call('LLEN', KEYS[1]) < 2 then return false end
redis.call('RPOP', KEYS[1])
return redis.call('LINDEX', KEYS[1], -1)
"""


@dataclass(frozen=True)
class RedisReader:
    """A view of one generation; it stays whole for `expire_hours` after the generation is removed."""

    generation: Generation
    about: bytes
    client: Any = field(repr=False)

    @classmethod
    def of(cls, about: bytes, client: Any) -> Self:
        """Read what the hash of generations says."""
        return cls(Generation.of(json.loads(about)["generation"]), about, client)

    def get(self, user: str) -> StoredSlate | None:
        """Return the user's slate, None for a user without one.

        Raises:
            CrossfadeError: Redis does not answer.
        """
        key = key_of(user)
        if key is None:
            return None
        with _speaking(self.client):
            return self.decoded(self.client.hget(self.bucket(key), key), user)

    def bucket(self, key: bytes) -> str:
        """Return the name of the hash that holds a user's slate."""
        told = json.loads(self.about)
        return _bucket(told["token"], crc32(key) % told["buckets"])

    def decoded(self, value: bytes | None, user: str) -> StoredSlate | None:
        """Unpack a value of the bucket."""
        return None if value is None else decode(value, user, self.generation)

    def __len__(self) -> int:
        """Return the number of slates."""
        return int(json.loads(self.about)["slates"])


@dataclass
class RedisWriter:
    """A generation that is being written and that no reader sees yet."""

    generation: Generation
    client: Any
    token: str = field(default_factory=lambda: uuid4().hex)
    num_slates: int = 0

    @property
    def num_buckets(self) -> int:
        """Hashes that the users are spread over."""
        return 1 + self.generation.num_users // USERS_PER_BUCKET

    def put_many(self, slates: pa.Table) -> None:
        """Add slates (columns as in `SLATES`) and read them back; a user who is there already is replaced.

        Raises:
            InputError: A user id is empty or too long, or a slate does not fit the generation's vocabularies.
            IntegrityError: Redis gives back something else.
            CrossfadeError: It does not answer.
        """
        if not slates.num_rows:
            return
        buckets: dict[str, dict[bytes, bytes]] = {}
        for key, value in keyed(slates, self.generation).items():
            bucket = _bucket(self.token, crc32(key) % self.num_buckets)
            buckets.setdefault(bucket, {})[key] = value
        with _speaking(self.client):
            self._write(buckets)
            reads = [("HMGET", bucket, *values) for bucket, values in buckets.items()]
            found = _pipelined(self.client, reads)
        if found != [list(values.values()) for values in buckets.values()]:
            raise IntegrityError(
                f"Redis gives back other slates than were written to {self.generation.name}; look whether it evicts "
                "keys (maxmemory-policy must be noeviction) and publish the generation again."
            )

    def about(self) -> bytes:
        """Return what the hash of generations keeps."""
        about = {"generation": asdict(self.generation), "token": self.token}
        return json.dumps({**about, "buckets": self.num_buckets, "slates": self.num_slates}).encode()

    def __len__(self) -> int:
        """Return the number of slates so far."""
        return self.num_slates

    def _write(self, buckets: Mapping[str, Mapping[bytes, bytes]]) -> None:
        writes = [
            ("HSET", bucket, *(part for pair in values.items() for part in pair))
            for bucket, values in buckets.items()
        ]
        self.num_slates += sum(_pipelined(self.client, writes))
        _pipelined(self.client, [("EXPIRE", bucket, WRITING_SECONDS) for bucket in buckets])


@dataclass(frozen=True)
class RedisStore:
    """Generations of slates in Redis; any number of processes may read while some write.

    Args:
        url: redis://HOST:PORT/DB.
        expire_seconds: Slates of a removed generation stay for so long.
        timeout_ms: Longest wait for Redis, for each command or pipeline.
    """

    url: str
    expire_seconds: int = 86_400
    timeout_ms: int = 30_000
    client: Any = field(init=False, compare=False, repr=False)
    _readers: dict[str, RedisReader] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make the client; nothing is sent yet."""
        seconds = self.timeout_ms / 1000
        timeouts = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        # A failed command is not repeated here: the caller knows how long it can wait.
        retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
        try:
            client = redis.Redis.from_url(self.url, retry=retry, **timeouts)
        except ValueError as error:
            raise NotFoundError(f"{self.url!r} is not the address of a Redis: {error}.") from error
        object.__setattr__(self, "client", client)

    @contextmanager
    def begin(self, generation: Generation) -> Iterator[RedisWriter]:
        """Write a generation beside the live one; it is whole when the block ends and gone when it fails.

        Raises:
            CrossfadeError: Redis does not answer; the live generation is untouched.
        """
        writer = RedisWriter(generation, self.client)
        try:
            yield writer
        except BaseException:
            self._expire(writer.about(), 0)
            raise
        with _speaking(self.client):
            kept = [("PERSIST", _bucket(writer.token, i)) for i in range(writer.num_buckets)]
            _pipelined(self.client, kept)
            replaced = self.client.hget(self._generations(generation.surface), generation.name)
            self.client.hset(self._generations(generation.surface), generation.name, writer.about())
        if replaced is not None:
            self._expire(replaced, self.expire_seconds)

    def reader(self, surface: str, generation: str | None = None) -> RedisReader:
        """Open a generation; None takes the live one.

        Raises:
            NotFoundError: There is no such generation, or none is live yet.
            CrossfadeError: Redis does not answer.
        """
        name = generation or self.live(surface)
        if name is None:
            raise NotFoundError(
                f"No {surface} playlists are published in {_place(self.client)}; run: crossfade run weekly."
            )
        with _speaking(self.client):
            about = self.client.hget(self._generations(surface), name)
        if about is None:
            raise self._unknown(surface, name)
        return RedisReader.of(about, self.client)

    def get(self, surface: str, user: str) -> StoredSlate | None:
        """Return the user's slate of the live generation, None for a user without one; in one round trip.

        What was live at the last call is asked together with what is live now, and asked again where they differ.

        Raises:
            NotFoundError: No generation is live yet.
            CrossfadeError: Redis does not answer.
        """
        key, known = key_of(user), self._readers.get(surface)
        if key is None:
            self.reader(surface)
            return None
        if known is not None:
            name, bucket = known.generation.name, known.bucket(key)
            asked = [("LINDEX", self._history(surface), -1), ("HGET", self._generations(surface), name)]
            with _speaking(self.client):
                live, about, value = _pipelined(self.client, [*asked, ("HGET", bucket, key)])
            if live == name.encode() and about == known.about:
                return known.decoded(value, user)
        fresh = self._readers[surface] = self.reader(surface)
        return fresh.get(user)

    def activate(self, surface: str, generation: str) -> None:
        """Make a whole generation the live one, by one atomic write.

        Raises:
            NotFoundError: There is no such generation.
            CrossfadeError: Redis does not answer.
        """
        keys = (self._history(surface), self._generations(surface))
        with _speaking(self.client):
            is_known = self.client.eval(ACTIVATE, len(keys), *keys, generation)
        if not is_known:
            raise self._unknown(surface, generation)

    def rollback(self, surface: str) -> str:
        """Make the generation that was live before the live one, and return its name.

        Raises:
            NotFoundError: No generation was live before.
            CrossfadeError: Redis does not answer.
        """
        with _speaking(self.client):
            live = self.client.eval(ROLLBACK, 1, self._history(surface))
        if live is None:
            raise NotFoundError(
                f"{surface} has no generation to roll back to in {_place(self.client)}: none was live before, "
                "or it is pruned (weekly.keep_generations says how many stay)."
            )
        return str(live.decode())

    def live(self, surface: str) -> str | None:
        """Return the name of the live generation, None before the first activation."""
        with _speaking(self.client):
            live = self.client.lindex(self._history(surface), -1)
        return None if live is None else str(live.decode())

    def generations(self, surface: str) -> list[Generation]:
        """Return the whole generations, sorted by name."""
        with _speaking(self.client):
            known = self.client.hgetall(self._generations(surface))
        return [RedisReader.of(known[name], self.client).generation for name in sorted(known)]

    def prune(self, surface: str, keep: int) -> list[str]:
        """Remove all but the last `keep` activated generations (the live one included); return what went.

        They cannot be opened from now on; readers that hold one may go on for `expire_seconds`.
        """
        gone: dict[bytes, bytes] = {}

        def remove(pipe: Any) -> None:
            history = pipe.lrange(self._history(surface), 0, -1)
            kept = set(list(dict.fromkeys(reversed(history)))[: max(keep, 1)])
            known = pipe.hgetall(self._generations(surface))
            gone.clear()
            gone.update({name: known[name] for name in sorted(known) if name not in kept})
            pipe.multi()
            for name in {*gone, *history} - kept:
                pipe.lrem(self._history(surface), 0, name)
                pipe.hdel(self._generations(surface), name)

        with _speaking(self.client):
            self.client.transaction(remove, self._history(surface), self._generations(surface))
        for about in gone.values():
            self._expire(about, self.expire_seconds)
        return [name.decode() for name in gone]

    def _expire(self, about: bytes, seconds: int) -> None:
        told = json.loads(about)
        buckets = [_bucket(told["token"], i) for i in range(told["buckets"])]
        with _speaking(self.client):
            _pipelined(self.client, [("EXPIRE", bucket, seconds) for bucket in buckets])

    def _history(self, surface: str) -> str:
        return f"crossfade:{{{surface}}}:history"

    def _generations(self, surface: str) -> str:
        return f"crossfade:{{{surface}}}:generations"

    def _unknown(self, surface: str, generation: str) -> NotFoundError:
        known = ", ".join(each.name for each in self.generations(surface)) or "none"
        return NotFoundError(
            f"{surface} has no generation {generation} in {_place(self.client)}; there are: {known}."
        )


def _bucket(token: str, number: int) -> str:
    return f"crossfade:slates:{token}:{number}"


def _pipelined(client: Any, commands: list[tuple[Any, ...]]) -> list[Any]:
    """Send commands a few hundred at a time; return their answers in order."""
    answers: list[Any] = []
    for start in range(0, len(commands), PIPELINED):
        with client.pipeline(transaction=False) as pipe:
            for command in commands[start : start + PIPELINED]:
                pipe.execute_command(*command)
            answers += pipe.execute()
    return answers


def _place(client: Any) -> str:
    """Return where a Redis is, without its password."""
    told = client.connection_pool.connection_kwargs
    return f"redis://{told.get('host', told.get('path', ''))}:{told.get('port', '')}/{told.get('db', 0)}"


@contextmanager
def _speaking(client: Any) -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise CrossfadeError(
            f"Redis at {_place(client)} does not answer or refuses: {error}. What was live still is."
        ) from error
