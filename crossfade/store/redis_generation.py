"""One generation in Redis: its reader and its writer, and how Redis is spoken to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Final, Self
from uuid import uuid4
from zlib import crc32

import pyarrow as pa

from crossfade.schema.errors import CrossfadeError, IntegrityError, MissingExtraError, NotFoundError
from crossfade.store.contract import Generation, PackedSlate, StoredSlate
from crossfade.store.credentials import with_credentials, without_credentials
from crossfade.store.encoding import decode, key_of, keyed, unpack
from crossfade.store.unchanged import UNCHANGED, Marking

try:
    import redis
except ImportError as error:
    raise MissingExtraError("redis", "redis") from error

USERS_PER_BUCKET: Final = 1000
# Commands that go out together. Redis does all that it finds of one client's before it looks at another's, so more would keep
# readers waiting, and fewer would wait for each other's answers.
PIPELINED: Final = 16
WRITING_SECONDS: Final = 86_400  # what a killed writer left behind is gone after a day


@dataclass(frozen=True)
class RedisReader:
    """A view of one generation; it stays whole for `expire_hours` after the generation is removed."""

    generation: Generation
    about: bytes
    client: Any = field(repr=False)
    base: "RedisReader | None" = None

    @classmethod
    def of(cls, about: bytes, client: Any, base: "RedisReader | None" = None) -> Self:
        """Read what the hash of generations says; slates that are unchanged are looked up in the base."""
        return cls(Generation.of(json.loads(about)["generation"]), about, client, base)

    def get(self, user: str) -> StoredSlate | None:
        """Return the user's slate, None for a user without one.

        Raises:
            CrossfadeError: Redis does not answer.
        """
        return decode(self.packed(user))

    def packed(self, user: str) -> PackedSlate | None:
        """Return what `get` does, as it is kept; raises as it does."""
        key = key_of(user)
        if key is None:
            return None
        with speaking(self.client):
            return self.taken(pipelined(self.client, self.asked(key)), user)

    def asked(self, key: bytes) -> list[tuple[Any, ...]]:
        """Return the commands whose answers `taken` takes."""
        readers = [self] if self.base is None else [self, self.base]
        return [("HGET", reader.bucket(key), key) for reader in readers]

    def values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return what stands in this generation itself under keys [n], None where there is nothing."""
        buckets = dict[str, list[bytes]]()
        for key in keys:
            buckets.setdefault(self.bucket(key), []).append(key)
        with speaking(self.client):
            answers = pipelined(self.client, [("HMGET", bucket, *held) for bucket, held in buckets.items()])
        found = dict(zip(chain(*buckets.values()), chain(*answers), strict=True))
        return [found[key] for key in keys]

    def bucket(self, key: bytes) -> str:
        """Return the name of the hash that holds a user's slate."""
        token, num_buckets = self._place
        return bucket_name(token, crc32(key) % num_buckets)

    def taken(self, answers: Sequence[bytes | None], user: str) -> PackedSlate | None:
        """Take what was answered as a user's slate."""
        value = answers[0] if answers[0] != UNCHANGED else answers[-1]
        return unpack(value, user, self.generation) if value else None

    @cached_property
    def _place(self) -> tuple[str, int]:
        """The token of the generation's hashes, and how many they are."""
        told = json.loads(self.about)
        return str(told["token"]), int(told["buckets"])

    def __len__(self) -> int:
        """Return the number of slates."""
        return int(json.loads(self.about)["slates"])


@dataclass
class RedisWriter:
    """A generation that is being written and that no reader sees yet."""

    generation: Generation
    client: Any
    marking: Marking = field(default_factory=Marking)
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
        for key, value in self.marking.marked(keyed(slates, self.generation)).items():
            bucket = bucket_name(self.token, crc32(key) % self.num_buckets)
            buckets.setdefault(bucket, {})[key] = value
        with speaking(self.client):
            self._write(buckets)
            reads = [("HMGET", bucket, *values) for bucket, values in buckets.items()]
            found = pipelined(self.client, reads)
        if found != [list(values.values()) for values in buckets.values()]:
            raise IntegrityError(
                f"Redis gives back other slates than were written to {self.generation.name}; look whether it evicts "
                "keys (maxmemory-policy must be noeviction) and publish the generation again."
            )

    def about(self) -> bytes:
        """Return what the hash of generations keeps."""
        about = {"generation": asdict(self.marking.about(self.generation)), "token": self.token}
        return json.dumps({**about, "buckets": self.num_buckets, "slates": self.num_slates}).encode()

    @property
    def num_unchanged(self) -> int:
        """Slates so far that were not written again."""
        return self.marking.num_unchanged

    def __len__(self) -> int:
        """Return the number of slates so far."""
        return self.num_slates

    def _write(self, buckets: Mapping[str, Mapping[bytes, bytes]]) -> None:
        writes = [
            ("HSET", bucket, *(part for pair in values.items() for part in pair))
            for bucket, values in buckets.items()
        ]
        self.num_slates += sum(pipelined(self.client, writes))
        pipelined(self.client, [("EXPIRE", bucket, WRITING_SECONDS) for bucket in buckets])


def client_of(url: str, timeout_ms: int) -> Any:
    """Make a client, which sends nothing yet; a failed command is not repeated: the caller knows how long it can wait.

    Raises:
        NotFoundError: The URL is not the address of a Redis.
    """
    seconds = timeout_ms / 1000
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    try:
        return redis.Redis.from_url(
            with_credentials(url), retry=retry, socket_timeout=seconds, socket_connect_timeout=seconds
        )
    except ValueError as error:
        raise NotFoundError(
            f"{without_credentials(url)!r} is not the address of a Redis: {error}."
        ) from error


def bucket_name(token: str, number: int) -> str:
    """Return the key of one hash of slates."""
    return f"crossfade:slates:{token}:{number}"


def pipelined(client: Any, commands: list[tuple[Any, ...]]) -> list[Any]:
    """Send commands a few at a time; return their answers in order."""
    answers: list[Any] = []
    for start in range(0, len(commands), PIPELINED):
        with client.pipeline(transaction=False) as pipe:
            for command in commands[start : start + PIPELINED]:
                pipe.execute_command(*command)
            answers += pipe.execute()
    return answers


def place_of(client: Any) -> str:
    """Return where a Redis is, without its password."""
    told = client.connection_pool.connection_kwargs
    return f"redis://{told.get('host', told.get('path', ''))}:{told.get('port', '')}/{told.get('db', 0)}"


@contextmanager
def speaking(client: Any) -> Iterator[None]:
    """Turn Redis' errors in the block into ours.

    Raises:
        CrossfadeError: Redis does not answer or refuses.
    """
    try:
        yield
    except redis.RedisError as error:
        raise CrossfadeError(
            f"Redis at {place_of(client)} does not answer or refuses: {error}. What was live still is."
        ) from error
