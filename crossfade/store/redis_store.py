"""The Redis store: slates in hashes of about a thousand users, a list that names the live generation.

crossfade:{<surface>}:history       list of activated generations, the last one is live
crossfade:{<surface>}:since         UTC seconds of the last switch
crossfade:{<surface>}:generations   hash: name -> JSON of what it was made from, and of where its slates are
crossfade:slates:<token>:<bucket>   hash: user -> slate; the token is new for every writing, so that nothing is overwritten

A hash of a thousand users keeps one expiry and one key for all of them, and hashes spread over a cluster's nodes.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from crossfade.schema.errors import NotFoundError
from crossfade.store.contract import Generation, PackedSlate, StaleError, StoredSlate
from crossfade.store.encoding import decode, key_of
from crossfade.store.redis_generation import (
    RedisReader,
    RedisWriter,
    bucket_name,
    client_of,
    pipelined,
    place_of,
    speaking,
)
from crossfade.store.redis_line import RedisLine
from crossfade.store.redis_live import Live, RedisReads
from crossfade.store.unchanged import Base, Marking, base_is_gone

# Each switch is one script, and so one atomic write.
ACTIVATE: Final = """
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 0 end
if redis.call('LINDEX', KEYS[1], -1) ~= ARGV[1] then
  redis.call('RPUSH', KEYS[1], ARGV[1])
  redis.call('SET', KEYS[3], redis.call('TIME')[1])
end
return 1
"""
ROLLBACK: Final = """
if redis.call('LLEN', KEYS[1]) < 2 then return false end
redis.call('RPOP', KEYS[1])
redis.call('SET', KEYS[2], redis.call('TIME')[1])
return redis.call('LINDEX', KEYS[1], -1)
"""
SCANNED: Final = 1000  # keys that one step of a scan looks at


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
    _lives: dict[str, Live] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make the client; nothing is sent yet."""
        object.__setattr__(self, "client", client_of(self.url, self.timeout_ms))

    @contextmanager
    def begin(self, generation: Generation, *, keeps_unchanged: bool = False) -> Iterator[RedisWriter]:
        """Write a generation beside the live one; it is whole when the block ends and gone when it fails.

        Raises:
            IntegrityError: The generation that has the unchanged slates was removed meanwhile.
            CrossfadeError: Redis does not answer; the live generation is untouched.
        """
        base = self._base(generation) if keeps_unchanged else None
        writer = RedisWriter(generation, self.client, Marking(base))
        try:
            yield writer
        except BaseException:
            self._expire(writer.about(), 0)
            raise
        with speaking(self.client):
            about, known = writer.marking.about(generation), self._generations(generation.surface)
            if about.base and not self.client.hexists(known, about.base):
                raise base_is_gone(about)  # what was written expires by itself
            kept = [("PERSIST", bucket_name(writer.token, i)) for i in range(writer.num_buckets)]
            pipelined(self.client, kept)
            replaced = self.client.hget(known, generation.name)
            self.client.hset(known, generation.name, writer.about())
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
                f"No {surface} playlists are published in {place_of(self.client)}; run: crossfade run weekly."
            )
        with speaking(self.client):
            about = self.client.hget(self._generations(surface), name)
        if about is None:
            raise self._unknown(surface, name)
        reader = RedisReader.of(about, self.client)
        base = reader.generation.base
        return replace(reader, base=self.reader(surface, base)) if base else reader

    def get(self, surface: str, user: str) -> StoredSlate | None:
        """Return the user's slate of the live generation, None for a user without one; in one round trip.

        What was live at the last call is asked together with what is live now, and asked again where they differ.

        Raises:
            NotFoundError: No generation is live yet.
            CrossfadeError: Redis does not answer.
        """
        return decode(self.packed(surface, user))

    def packed(self, surface: str, user: str) -> PackedSlate | None:
        """Return what `get` does, as it is kept; raises as it does."""
        key, known = key_of(user), self._lives.get(surface)
        if key is None:
            self.reader(surface)
            return None
        if known is not None:
            with speaking(self.client):
                answers = pipelined(self.client, known.asked(key))
            with suppress(StaleError):
                return known.taken(answers, user)
        fresh = Live(self.reader(surface), self._history(surface), self._generations(surface))
        self._lives[surface] = fresh
        return fresh.reader.packed(user)

    def reads(self) -> RedisReads | None:
        """Return reads for an event loop; None where threads have to read, as with TLS."""
        line = RedisLine.to(self.url, self.timeout_ms)
        return None if line is None else RedisReads(line, self._lives.get, self.client)

    def activate(self, surface: str, generation: str) -> None:
        """Make a whole generation the live one, by one atomic write.

        Raises:
            NotFoundError: There is no such generation.
            CrossfadeError: Redis does not answer.
        """
        keys = (self._history(surface), self._generations(surface), self._since(surface))
        with speaking(self.client):
            is_known = self.client.eval(ACTIVATE, len(keys), *keys, generation)
        if not is_known:
            raise self._unknown(surface, generation)

    def rollback(self, surface: str) -> str:
        """Make the generation that was live before the live one, and return its name.

        Raises:
            NotFoundError: No generation was live before.
            CrossfadeError: Redis does not answer.
        """
        with speaking(self.client):
            live = self.client.eval(ROLLBACK, 2, self._history(surface), self._since(surface))
        if live is None:
            raise NotFoundError(
                f"{surface} has no generation to roll back to in {place_of(self.client)}: none was live before, "
                "or it is pruned (weekly.keep_generations says how many stay)."
            )
        return str(live.decode())

    def live(self, surface: str) -> str | None:
        """Return the name of the live generation, None before the first activation."""
        with speaking(self.client):
            live = self.client.lindex(self._history(surface), -1)
        return None if live is None else str(live.decode())

    def history(self, surface: str) -> list[str]:
        """Return the names of activated generations, the last one is live."""
        with speaking(self.client):
            return [name.decode() for name in self.client.lrange(self._history(surface), 0, -1)]

    def live_since(self, surface: str) -> float | None:
        """Return when readers were switched to the live generation, UTC seconds; None before the first activation."""
        with speaking(self.client):
            since = self.client.get(self._since(surface))
        return None if since is None else float(since)

    def generations(self, surface: str) -> list[Generation]:
        """Return the whole generations, sorted by name."""
        with speaking(self.client):
            known = self.client.hgetall(self._generations(surface))
        return [RedisReader.of(known[name], self.client).generation for name in sorted(known)]

    def surfaces(self) -> list[str]:
        """Return the surfaces that have generations of slates, sorted; those of variants, too. Looks at every key."""
        with speaking(self.client):
            keys = list(self.client.scan_iter(match=self._generations("*"), count=SCANNED))
        return sorted(key.decode().partition("{")[2].rpartition("}")[0] for key in keys)

    def erase(self, surface: str, users: Collection[str], bundles: Mapping[str, str]) -> dict[str, int]:
        """Remove users from every generation, each in one transaction; see `SlateStore`.

        What was pruned before is not named any more and is gone after `expire_seconds`.

        Raises:
            CrossfadeError: Redis does not answer; generations that are done stay so.
        """
        removed: dict[str, int] = {}
        for about in self.generations(surface):
            reader = self.reader(surface, about.name)
            keys = [key for user in set(users) if (key := key_of(user)) is not None]
            held = {key for key, value in zip(keys, reader.values(keys), strict=True) if value is not None}
            bundle = bundles.get(about.bundle, about.bundle)
            if not held and bundle == about.bundle:
                continue
            count = len(reader) - len(held)
            left = asdict(replace(about, num_users=count, bundle=bundle))
            told = json.dumps({**json.loads(reader.about), "generation": left, "slates": count}).encode()
            with speaking(self.client), self.client.pipeline() as pipe:
                for key in held:
                    pipe.hdel(reader.bucket(key), key)
                pipe.hset(self._generations(surface), about.name, told)
                pipe.execute()
            removed[about.name] = len(held)
        return removed

    def prune(self, surface: str, keep: int) -> list[str]:
        """Remove all but the last `keep` activated generations (the live one included) and what they stand on.

        They cannot be opened from now on; readers that hold one may go on for `expire_seconds`.
        """
        gone: dict[bytes, bytes] = {}

        def remove(pipe: Any) -> None:
            history = pipe.lrange(self._history(surface), 0, -1)
            kept = set(list(dict.fromkeys(reversed(history)))[: max(keep, 1)])
            known = pipe.hgetall(self._generations(surface))
            stood_on = {
                RedisReader.of(known[name], pipe).generation.base.encode() for name in kept & set(known)
            }
            gone.clear()
            gone.update({name: known[name] for name in sorted(known) if name not in kept | stood_on})
            left = set(history) - kept
            pipe.multi()
            for name in left | set(gone):
                pipe.lrem(self._history(surface), 0, name)
            for name in gone:
                pipe.hdel(self._generations(surface), name)

        with speaking(self.client):
            self.client.transaction(remove, self._history(surface), self._generations(surface))
        for about in gone.values():
            self._expire(about, self.expire_seconds)
        return [name.decode() for name in gone]

    def _base(self, generation: Generation) -> Base | None:
        """Return what a generation may stand on: what one of its name or else the live one stands on, or the live one."""
        surface = generation.surface
        is_known = any(generation.name == known.name for known in self.generations(surface))
        name = generation.name if is_known else self.live(surface)
        return None if name is None else Base.of(self.reader(surface, name), generation)

    def _expire(self, about: bytes, seconds: int) -> None:
        told = json.loads(about)
        buckets = [bucket_name(told["token"], i) for i in range(told["buckets"])]
        with speaking(self.client):
            pipelined(self.client, [("EXPIRE", bucket, seconds) for bucket in buckets])

    def _history(self, surface: str) -> str:
        return f"crossfade:{{{surface}}}:history"

    def _since(self, surface: str) -> str:
        return f"crossfade:{{{surface}}}:since"

    def _generations(self, surface: str) -> str:
        return f"crossfade:{{{surface}}}:generations"

    def _unknown(self, surface: str, generation: str) -> NotFoundError:
        known = ", ".join(each.name for each in self.generations(surface)) or "none"
        return NotFoundError(
            f"{surface} has no generation {generation} in {place_of(self.client)}; there are: {known}."
        )
