"""One generation as an LMDB environment: written once, then read by any number of threads and processes."""

import filecmp
import json
import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

import lmdb
import pyarrow as pa

from crossfade.schema.durable import replace_file
from crossfade.schema.errors import IntegrityError
from crossfade.store.contract import Generation, PackedSlate, StoredSlate
from crossfade.store.encoding import decode, key_of, keyed, unpack
from crossfade.store.unchanged import UNCHANGED, Base, Marking

ABOUT: Final = "generation.json"
DATA: Final = "data.mdb"
FIRST_MAP_BYTES: Final = 1 << 26
COPIED_AT_ONCE: Final = 10_000

# LMDB refuses to open one file twice in one process, so that readers of a generation share its environment.
_environments: WeakValueDictionary[tuple[int, int], Any] = WeakValueDictionary()
_opening = threading.Lock()


def write_about(directory: Path, generation: Generation) -> None:
    """Write `generation.json`; a directory that has it is whole."""
    replace_file(directory / ABOUT, json.dumps(asdict(generation), indent=2).encode())


def read_about(directory: Path) -> Generation:
    """Read `generation.json`.

    Raises:
        FileNotFoundError: The generation is not there (any more).
        IntegrityError: The file is not what `write_about` wrote.
    """
    text = (directory / ABOUT).read_text("utf-8")
    try:
        return Generation.of(json.loads(text))
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityError(
            f"{directory / ABOUT} is damaged ({error!r}); publish the generation again."
        ) from error


def same_files(written: Path, known: Path) -> bool:
    """Return whether a generation is there already; equal slates make equal bytes, on machines of one kind."""
    try:
        return all(filecmp.cmp(written / name, known / name, shallow=False) for name in (ABOUT, DATA))
    except OSError:
        return False


@dataclass(frozen=True)
class EmbeddedWriter:
    """A generation that is being written and that no reader sees yet."""

    generation: Generation
    environment: Any
    marking: Marking = field(default_factory=Marking)

    @classmethod
    @contextmanager
    def create(
        cls, directory: Path, generation: Generation, base: Base | None = None
    ) -> Iterator["EmbeddedWriter"]:
        """Open a new environment, for slates that a base may have already; everything is on disk when the block ends.

        The caller sees to it that there is one writer, so LMDB makes no lock file. That matters: py-lmdb
        knows open environments by the inodes of both files, and would take a removed lock file's inode, once
        it is used again, for an environment that is still open.
        """
        environment = lmdb.open(
            str(directory), map_size=FIRST_MAP_BYTES, lock=False, sync=False, metasync=False
        )
        try:
            yield cls(generation, environment, Marking(base))
            environment.sync(True)
        finally:
            environment.close()

    def put_many(self, slates: pa.Table) -> None:
        """Add slates (columns as in `SLATES`) and read them back; a user who is there already is replaced.

        Users in ascending order of their UTF-8 bytes, across calls too, fill pages densely and go in fastest.

        Raises:
            InputError: A user id is empty or too long, or a slate does not fit the generation's vocabularies.
            IntegrityError: The store gives back something else.
        """
        if not slates.num_rows:
            return
        self.put_values(self.marking.marked(keyed(slates, self.generation)))

    def put_values(self, values: Mapping[bytes, bytes]) -> None:
        """Add values under keys of 1 to 511 bytes and read them back; what is there already is replaced.

        Raises:
            IntegrityError: The store gives back something else.
        """
        while not self._put(values):
            self.environment.set_mapsize(2 * self.environment.info()["map_size"])
        with self.environment.begin() as transaction, transaction.cursor() as cursor:
            if cursor.getmulti(list(values)) != list(values.items()):
                raise IntegrityError(
                    f"The store gives back other values than were written to {self.generation.name}; check "
                    "the disk and publish the generation again."
                )

    def copy(self, reader: "EmbeddedReader", without: Collection[bytes]) -> None:
        """Add the values of another generation as they are, but for those under some keys."""
        left_out = set(without)
        with reader.environment.begin(buffers=False) as transaction:
            values = ((key, value) for key, value in transaction.cursor() if key not in left_out)
            while batch := dict(islice(values, COPIED_AT_ONCE)):
                while not self._put(batch):
                    self.environment.set_mapsize(2 * self.environment.info()["map_size"])

    @property
    def num_unchanged(self) -> int:
        """Slates so far that were not written again."""
        return self.marking.num_unchanged

    def __len__(self) -> int:
        """Return the number of slates so far."""
        return int(self.environment.stat()["entries"])

    def _put(self, values: Mapping[bytes, bytes]) -> bool:
        try:
            with self.environment.begin(write=True) as transaction, transaction.cursor() as cursor:
                cursor.putmulti(values.items(), append=_goes_last(cursor, list(values)))
        except lmdb.MapFullError:
            return False  # the transaction is undone; the caller grows the map
        return True


@dataclass(frozen=True)
class EmbeddedReader:
    """A view of one generation; it stays whole while other processes activate, roll back and prune."""

    generation: Generation
    environment: Any
    base: "EmbeddedReader | None" = None

    @classmethod
    def open(cls, directory: Path) -> "EmbeddedReader":
        """Open a generation, and the one that it stands on, for reading; works on a read-only disk too.

        Raises:
            FileNotFoundError: The generation is not there (any more).
            IntegrityError: Its files are damaged.
        """
        generation = read_about(directory)
        with _opening:
            status = os.stat(directory / DATA)
            environment = _environments.get((status.st_dev, status.st_ino))
            if environment is None:
                environment = _opened(directory)
                _environments[(status.st_dev, status.st_ino)] = environment
        base = cls.open(directory.with_name(generation.base)) if generation.base else None
        return cls(generation, environment, base)

    def get(self, user: str) -> StoredSlate | None:
        """Return the user's slate, None for a user without one."""
        return decode(self.packed(user))

    def packed(self, user: str) -> PackedSlate | None:
        """Return what `get` does, as it is kept."""
        key = key_of(user)
        if key is None:
            return None
        with self.environment.begin() as transaction:
            value = transaction.get(key)
        if value == UNCHANGED and self.base is not None:
            (value,) = self.base.values([key])
        return None if value is None else unpack(value, user, self.generation)

    def values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return what stands in this generation itself under n keys of 1 to 511 bytes, None where there is nothing."""
        with self.environment.begin() as transaction:
            return [transaction.get(key) for key in keys]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys with their values."""
        with self.environment.begin() as transaction:
            yield from transaction.cursor()

    def __len__(self) -> int:
        """Return the number of slates."""
        return int(self.environment.stat()["entries"])


def _goes_last(cursor: Any, keys: list[bytes]) -> bool:
    return keys == sorted(keys) and (not cursor.last() or cursor.key() < keys[0])


def _opened(directory: Path) -> Any:
    try:
        return lmdb.open(str(directory), readonly=True, lock=False, create=False)
    except lmdb.Error as error:
        if not (directory / DATA).exists():
            raise FileNotFoundError(directory) from error
        raise IntegrityError(
            f"{directory / DATA} is damaged: {error}; roll back or publish the generation again."
        ) from error
