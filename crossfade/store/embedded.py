"""The embedded store: one LMDB environment for each generation, and one small file that names the live one.

<directory>/<surface>/CURRENT               activated generations, one a line, the last one is live
<directory>/<surface>/<generation>/         generation.json and data.mdb; never changed once it is there and whole
<directory>/<surface>/.partial/             a generation being written
<directory>/<surface>/.writing, .lock       locks: of the one writer, and of short changes to what is live
"""

import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import lmdb

from crossfade.schema.durable import (
    REMOVED,
    locked,
    locked_or_refused,
    remove_directory,
    replace_directory,
    replace_file,
)
from crossfade.schema.errors import CrossfadeError, IntegrityError, NotFoundError
from crossfade.schema.tables import Surface
from crossfade.store.contract import Generation, PackedSlate, StoredSlate, shown_surface
from crossfade.store.current import Current
from crossfade.store.encoding import key_of
from crossfade.store.environment import (
    ABOUT,
    EmbeddedReader,
    EmbeddedWriter,
    read_about,
    same_files,
    write_about,
)
from crossfade.store.unchanged import Base, base_is_gone

TRIES: Final = 20
WAIT_SECONDS: Final = 0.01

Stamps = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class EmbeddedStore:
    """Generations of slates in a directory; any number of processes may read while one writes.

    Args:
        directory: Holds one directory for each surface.
        tries: How often a live generation is looked for, with sleeps between; it is away for a moment while it is written anew.
    """

    directory: Path
    tries: int = TRIES
    _readers: dict[tuple[str, str], tuple[Stamps, EmbeddedReader]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _current: Current = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Know which generations are live."""
        object.__setattr__(self, "_current", Current(self.directory))

    @contextmanager
    def begin(self, generation: Generation, *, keeps_unchanged: bool = False) -> Iterator[EmbeddedWriter]:
        """Write a generation beside the live one; it is whole when the block ends and gone when it fails.

        One of this name with the same bytes stays as it is; other bytes (it is damaged) are replaced.

        Raises:
            InputError: Another process is writing generations of this surface.
            IntegrityError: The generation that has the unchanged slates was removed meanwhile.
            CrossfadeError: The disk is full or broken; the live generation is untouched.
        """
        base = self._base(generation) if keeps_unchanged else None
        with self._writing(generation, base) as writer:
            yield writer

    @contextmanager
    def _writing(self, generation: Generation, base: Base | None) -> Iterator[EmbeddedWriter]:
        home = self._home(generation.surface)
        partial = home / ".partial"
        with locked_or_refused(home / ".writing", f"publishing {generation.surface}"):
            try:
                remove_directory(partial)  # of a writer that was killed
                partial.mkdir()
                with EmbeddedWriter.create(partial, generation, base) as writer:
                    yield writer
                about = writer.marking.about(generation) if base else generation
                write_about(partial, about)
                is_known = same_files(partial, home / generation.name)
                with self._locked(generation.surface):
                    if about.base and not (home / about.base / ABOUT).is_file():
                        raise base_is_gone(about)
                    if not (is_known and (home / generation.name).exists()):
                        replace_directory(partial, home / generation.name)
            except (OSError, lmdb.Error) as error:
                raise CrossfadeError(
                    f"Generation {generation.name} of {generation.surface} could not be written to {home}: "
                    f"{error}. The live generation is unchanged and what was written is removed; free space "
                    "on that disk and run this again."
                ) from error
            finally:
                remove_directory(partial)

    def reader(self, surface: str, generation: str | None = None) -> EmbeddedReader:
        """Open a generation; None takes the live one.

        Raises:
            NotFoundError: There is no such generation, or none is live yet.
            IntegrityError: The generation is damaged.
        """
        for left in reversed(range(self.tries)):
            try:
                return self._opened(surface, generation or self._current.live(surface))
            except FileNotFoundError as error:
                if generation is not None:
                    raise self._unknown(surface, generation) from error
                if left:
                    time.sleep(WAIT_SECONDS)  # it was removed a moment ago: look again which one is live
        raise IntegrityError(
            f"Generation {self._current.live(surface)} of {surface} is named as live but is not there in "
            f"{self._home(surface)}; roll back with: crossfade store rollback, or publish again."
        )

    def get(self, surface: str, user: str) -> StoredSlate | None:
        """Return the user's slate of the live generation, None for a user without one.

        Raises:
            NotFoundError: No generation is live yet.
        """
        return self.reader(surface).get(user)

    def packed(self, surface: str, user: str) -> PackedSlate | None:
        """Return what `get` does, as it is kept."""
        return self.reader(surface).packed(user)

    def reads(self) -> None:
        """Return nothing: a memory map is read at once."""

    def activate(self, surface: str, generation: str) -> None:
        """Make a whole generation the live one, by one atomic write.

        Raises:
            NotFoundError: There is no such generation.
        """
        with self._locked(surface):
            if not (self._home(surface) / generation / ABOUT).is_file():
                raise self._unknown(surface, generation)
            history = self.history(surface)
            if history[-1:] != [generation]:
                self._write_history(surface, [*history, generation])

    def rollback(self, surface: str) -> str:
        """Make the generation that was live before the live one, and return its name.

        Raises:
            NotFoundError: No generation was live before.
        """
        with self._locked(surface):
            history = self.history(surface)[:-1]
            if not history:
                raise NotFoundError(
                    f"{surface} has no generation to roll back to in {self._home(surface)}: none was live "
                    "before, or it is pruned (weekly.keep_generations says how many stay)."
                )
            self._write_history(surface, history)
            return history[-1]

    def history(self, surface: str) -> list[str]:
        """Return the names of activated generations, the last one is live."""
        return self._current.history(surface)

    def live(self, surface: str) -> str | None:
        """Return the name of the live generation, None before the first activation."""
        history = self.history(surface)
        return history[-1] if history else None

    def live_since(self, surface: str) -> float | None:
        """Return when readers were switched to the live generation, UTC seconds; None before the first activation."""
        current = self._current.path(surface)
        return current.stat().st_mtime if current.is_file() else None

    def generations(self, surface: str) -> list[Generation]:
        """Return the whole generations, sorted by name."""
        return [read_about(path) for path in self._whole(surface)]

    def surfaces(self) -> list[str]:
        """Return the surfaces that have generations of slates, sorted; those of variants, too."""
        found = {about.parents[1].name for about in self.directory.glob(f"[!.]*/[!.]*/{ABOUT}")}
        return sorted(name for name in found if shown_surface(name) in set(Surface))

    def erase(self, surface: str, users: Collection[str], bundles: Mapping[str, str]) -> dict[str, int]:
        """Remove users from every generation, by writing it anew: a deleted value's bytes stay in LMDB's pages.

        A generation keeps its name and its place; one that neither has the users nor a replaced bundle is left as it is.

        Returns:
            {generation: slates removed} of those that were written anew.

        Raises:
            InputError: Another process is writing generations of this surface.
            CrossfadeError: The disk is full or broken; what is written anew already stays so.
        """
        keys = {key for user in users if (key := key_of(user)) is not None}
        return self._without(surface, keys, bundles)

    def erase_rows(self, surface: str, keys: Collection[bytes]) -> dict[str, int]:
        """Remove keys from every generation that has one of them; writes anew, returns and raises as `erase` does."""
        return self._without(surface, keys, {})

    def prune(self, surface: str, keep: int) -> list[str]:
        """Remove all but the last `keep` activated generations (the live one included) and what they stand on.

        Returns:
            What went.
        """
        with self._locked(surface):
            history = self.history(surface)
            kept = set(list(dict.fromkeys(reversed(history)))[: max(keep, 1)])
            if len(history) != len(remaining := [name for name in history if name in kept]):
                switched = self._current.path(surface).stat()
                self._write_history(surface, remaining)
                os.utime(self._current.path(surface), ns=(switched.st_atime_ns, switched.st_mtime_ns))
            bases = {path.name: read_about(path).base for path in self._whole(surface)}
            kept |= {bases[name] for name in kept & set(bases)}
            removed = [path for path in self._whole(surface) if path.name not in kept]
            for path in sorted(removed, key=lambda path: not bases[path.name]):  # what is stood on goes last
                remove_directory(path)
            for path in self._home(surface).glob(f"{REMOVED}*"):  # of a prune that was killed
                shutil.rmtree(path, ignore_errors=True)
            return [path.name for path in removed]

    def _opened(self, surface: str, generation: str) -> EmbeddedReader:
        known, reader = self._readers.get((surface, generation), (None, None))
        if reader is not None and known == self._stamps(surface, reader.generation):
            return reader
        stamps = self._stamps(surface, read_about(self._home(surface) / generation))
        reader = EmbeddedReader.open(self._home(surface) / generation)
        needed = {(surface, name) for name in self.history(surface)}
        for each in [each for each in list(self._readers) if each[0] == surface and each not in needed]:
            self._readers.pop(each, None)  # a file that is gone takes space for as long as it is open
        self._readers[(surface, generation)] = (stamps, reader)
        return reader

    def _without(self, surface: str, keys: Collection[bytes], bundles: Mapping[str, str]) -> dict[str, int]:
        removed: dict[str, int] = {}
        for about in self.generations(surface):
            reader = self.reader(surface, about.name)
            count = sum(value is not None for value in reader.values(list(keys)))
            if count or about.bundle in bundles:
                bundle = bundles.get(about.bundle, about.bundle)
                left = replace(about, num_users=about.num_users - count, bundle=bundle)
                with self._writing(left, None) as writer:
                    writer.copy(reader, keys)
                removed[about.name] = count
        return removed

    def _stamps(self, surface: str, generation: Generation) -> Stamps:
        """Return what tells a generation, and the one that it stands on, from others written under their names."""
        names = (generation.name, generation.base) if generation.base else (generation.name,)
        found = (os.stat(f"{self.directory}/{surface}/{name}/{ABOUT}") for name in names)
        return tuple((status.st_ino, status.st_mtime_ns) for status in found)

    def _base(self, generation: Generation) -> Base | None:
        """Return what a generation may stand on: what one of its name or else the live one stands on, or the live one."""
        surface = generation.surface
        is_known = (self._home(surface) / generation.name / ABOUT).is_file()
        name = generation.name if is_known else self.live(surface)
        try:
            return None if name is None else Base.of(self.reader(surface, name), generation)
        except (NotFoundError, IntegrityError):  # damaged: then all is written
            return None

    def _home(self, surface: str) -> Path:
        return self.directory / surface

    def _locked(self, surface: str) -> AbstractContextManager[None]:
        return locked(self._home(surface) / ".lock")

    def _whole(self, surface: str) -> list[Path]:
        return sorted(about.parent for about in self._home(surface).glob(f"[!.]*/{ABOUT}"))

    def _write_history(self, surface: str, history: list[str]) -> None:
        path = self._current.path(surface)
        try:
            replace_file(path, "".join(f"{name}\n" for name in history).encode())
        except OSError as error:
            raise CrossfadeError(f"{path} could not be written: {error}. What was live still is.") from error

    def _unknown(self, surface: str, generation: str) -> NotFoundError:
        known = ", ".join(path.name for path in self._whole(surface)) or "none"
        return NotFoundError(
            f"{surface} has no generation {generation} in {self._home(surface)}; there are: {known}."
        )
