"""The Cassandra store: slates in partitions of about a thousand users, and one row for each surface.

A value's time to live is fixed in Cassandra when it is written, and nobody knows then how long a generation will live. So what
is removed is noted with the moment from which nobody reads it, and whoever writes or removes a generation after that
moment deletes it, by one tombstone for each thousand users.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import methodcaller
from typing import Final

from crossfade.schema.errors import CrossfadeError, IntegrityError, NotFoundError
from crossfade.store.cassandra_generation import GET, CassandraReader, CassandraWriter, bucket_of
from crossfade.store.cassandra_link import Command, Link
from crossfade.store.cassandra_state import Leftover, State
from crossfade.store.contract import Generation, PackedSlate, StoredSlate
from crossfade.store.encoding import decode, key_of

WRITING_SECONDS: Final = 86_400  # what a killed writer left behind is deleted after a day
TRIES: Final = 20
STATE: Final = "SELECT state FROM surfaces WHERE surface = ?"
LIVE: Final = "SELECT live FROM surfaces WHERE surface = ?"
SURFACES: Final = "SELECT surface FROM surfaces"
SWITCH: Final = "UPDATE surfaces SET state = ?, live = ? WHERE surface = ? IF state = ?"
DELETE: Final = "DELETE FROM slates WHERE writing = ? AND bucket = ?"
DELETE_USER: Final = "DELETE FROM slates WHERE writing = ? AND bucket = ? AND user_id = ?"


@dataclass(frozen=True)
class CassandraStore:
    """Generations of slates in a Cassandra keyspace; any number of processes may read while some write.

    Args:
        url: cassandra://HOST:PORT/KEYSPACE.
        expire_seconds: Slates of a removed generation stay for so long at least.
        timeout_ms: Longest wait for each request.
    """

    url: str
    expire_seconds: int = 86_400
    timeout_ms: int = 30_000
    link: Link = field(init=False, compare=False, repr=False)
    _readers: dict[str, CassandraReader] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make the link; nothing is sent yet."""
        object.__setattr__(self, "link", Link.of(self.url, self.timeout_ms))

    @contextmanager
    def begin(self, generation: Generation, *, keeps_unchanged: bool = False) -> Iterator[CassandraWriter]:
        """Write a generation beside the live one; it is whole when the block ends and gone when it fails.

        All slates are written, whatever `keeps_unchanged` says: what costs here is a row, and a mark would be one, too.

        Raises:
            IntegrityError: It took longer than a day, and another writer took it for one that was killed.
            CrossfadeError: Cassandra does not answer; the live generation is untouched.
        """
        del keeps_unchanged
        self.link.make_tables()
        surface, writer = generation.surface, CassandraWriter(generation, self.link)
        noted = Leftover(writer.num_buckets, _now() + WRITING_SECONDS)
        self._sweep(surface, self._change(surface, lambda state: state.begun(writer.writing, noted)))
        try:
            yield writer
        except BaseException:
            self._delete(surface, {writer.writing: noted})
            raise
        self._change(surface, lambda state: self._finished(state, writer))

    def reader(self, surface: str, generation: str | None = None) -> CassandraReader:
        """Open a generation; None takes the live one.

        Raises:
            NotFoundError: There is no such generation, or none is live yet.
            CrossfadeError: Cassandra does not answer.
        """
        state = self._state(surface)
        if generation is None:
            if state.live is None:
                raise NotFoundError(
                    f"No {surface} playlists are published in {self.link.place}; run: crossfade run weekly."
                )
            return CassandraReader(state.live, self.link)
        return CassandraReader(state.whole[self._known(state, surface, generation)], self.link)

    def get(self, surface: str, user: str) -> StoredSlate | None:
        """Return the user's slate of the live generation, None for a user without one; in the time of one request.

        What was live at the last call is asked together with what is live now, and asked again where they differ.

        Raises:
            NotFoundError: No generation is live yet.
            CrossfadeError: Cassandra does not answer.
        """
        return decode(self.packed(surface, user))

    def packed(self, surface: str, user: str) -> PackedSlate | None:
        """Return what `get` does, as it is kept; raises as it does."""
        key, known = key_of(user), self._readers.get(surface)
        if key is None:
            self.reader(surface)
            return None
        if known is not None:
            live, found = self.link.all([(LIVE, (surface,)), (GET, known.place(key))])
            if live == [(known.written.writing,)]:
                return known.taken(found, user)
        fresh = self._readers[surface] = self.reader(surface)
        return fresh.packed(user)

    def reads(self) -> None:
        """Return nothing: its driver has threads of its own."""

    def activate(self, surface: str, generation: str) -> None:
        """Make a whole generation the live one, by one atomic write.

        Raises:
            NotFoundError: There is no such generation.
            CrossfadeError: Cassandra does not answer.
        """
        self._change(surface, lambda state: state.activated(self._known(state, surface, generation), _now()))

    def rollback(self, surface: str) -> str:
        """Make the generation that was live before the live one, and return its name.

        Raises:
            NotFoundError: No generation was live before.
            CrossfadeError: Cassandra does not answer.
        """

        def step(state: State) -> State:
            if len(state.history) < 2:
                raise NotFoundError(
                    f"{surface} has no generation to roll back to in {self.link.place}: none was live before, "
                    "or it is pruned (weekly.keep_generations says how many stay)."
                )
            return state.rolled_back(_now())

        return self._change(surface, step).history[-1]

    def live(self, surface: str) -> str | None:
        """Return the name of the live generation, None before the first activation."""
        live = self._state(surface).live
        return None if live is None else live.generation.name

    def history(self, surface: str) -> list[str]:
        """Return the names of activated generations, the last one is live."""
        return list(self._state(surface).history)

    def live_since(self, surface: str) -> float | None:
        """Return when readers were switched to the live generation, UTC seconds; None before the first activation."""
        return self._state(surface).since or None

    def generations(self, surface: str) -> list[Generation]:
        """Return the whole generations, sorted by name."""
        return [each.generation for _, each in sorted(self._state(surface).whole.items())]

    def surfaces(self) -> list[str]:
        """Return the surfaces that generations were written for, sorted; those of variants, too."""
        rows = self.link.all([(SURFACES, ())])[0] if self.link.has_tables() else []
        return sorted(surface for (surface,) in rows)

    def erase(self, surface: str, users: Collection[str], bundles: Mapping[str, str]) -> dict[str, int]:
        """Remove users from every generation; see `SlateStore`.

        Nobody reads them from then on; their bytes leave the disks when Cassandra compacts its files, `gc_grace_seconds` later.

        Raises:
            CrossfadeError: Cassandra does not answer; generations that are done stay so. One that is stopped on the way
                tells of more slates than it has, and nothing else of it is wrong.
        """
        removed: dict[str, int] = {}
        for about in self.generations(surface):
            reader = self.reader(surface, about.name)
            held = {user.encode() for user in set(users) if reader.get(user) is not None}
            if held or about.bundle in bundles:
                self.link.all([(DELETE_USER, reader.place(key)) for key in held])
                self._change(surface, methodcaller("without", about.name, len(held), bundles))
                removed[about.name] = len(held)
        return removed

    def erase_unnamed(self, keys: Collection[bytes]) -> int:
        """Remove slates from what was replaced, removed or never finished; return how many were there.

        Raises:
            CrossfadeError: Cassandra does not answer; call it again.
        """
        places = [
            (writing, bucket_of(key, left.buckets), key)
            for surface in self.surfaces()
            for writing, left in self._state(surface).leftovers.items()
            for key in keys
        ]
        found = self.link.all([(GET, place) for place in places])
        held = [place for place, rows in zip(places, found, strict=True) if rows]
        self.link.all([(DELETE_USER, place) for place in held])
        return len(held)

    def prune(self, surface: str, keep: int) -> list[str]:
        """Remove all but the last `keep` activated generations (the live one included); return what went.

        They cannot be opened from now on; readers that hold one may go on for `expire_seconds`.
        """
        before, due = self._state(surface), _now() + self.expire_seconds
        if not before.whole:
            return []
        after = self._change(surface, lambda state: state.pruned(keep, due))
        self._sweep(surface, after)
        return sorted(set(before.whole) - set(after.whole))

    def _finished(self, state: State, writer: CassandraWriter) -> State:
        about = writer.generation
        if writer.writing not in state.leftovers:
            raise IntegrityError(
                f"Generation {about.name} of {about.surface} took longer than {WRITING_SECONDS} s to write, and was removed "
                "meanwhile as that of a writer that was killed; publish it again."
            )
        return state.finished(writer.written, _now() + self.expire_seconds)

    def _sweep(self, surface: str, state: State) -> None:
        """Delete what is due."""
        self._delete(surface, {name: each for name, each in state.leftovers.items() if each.due <= _now()})

    def _delete(self, surface: str, leftovers: Mapping[str, Leftover]) -> None:
        commands: list[Command] = [
            (DELETE, (writing, bucket))
            for writing, left in leftovers.items()
            for bucket in range(left.buckets)
        ]
        if commands:
            self.link.all(commands)
            self._change(surface, lambda state: state.swept(leftovers))

    def _change(self, surface: str, change: Callable[[State], State]) -> State:
        """Change what is known of a surface by compare-and-set, again where somebody else was faster."""
        for _ in range(TRIES):
            text = self._text(surface)
            known = State.of(text)
            state = change(known)
            live = None if state.live is None else state.live.writing
            if state == known or self.link.all([(SWITCH, (state.text(), live, surface, text))])[0][0][0]:
                return state
        raise CrossfadeError(
            f"{surface} in {self.link.place} is changed by others all the time, {TRIES} times in a row; try again."
        )

    def _state(self, surface: str) -> State:
        return State.of(self._text(surface))

    def _text(self, surface: str) -> str | None:
        rows = self.link.all([(STATE, (surface,))])[0] if self.link.has_tables() else []
        return rows[0][0] if rows else None

    def _known(self, state: State, surface: str, generation: str) -> str:
        """Return the name of a generation that is whole.

        Raises:
            NotFoundError: It is not.
        """
        if generation not in state.whole:
            known = ", ".join(sorted(state.whole)) or "none"
            raise NotFoundError(
                f"{surface} has no generation {generation} in {self.link.place}; there are: {known}."
            )
        return generation


def _now() -> int:
    return int(time.time())
