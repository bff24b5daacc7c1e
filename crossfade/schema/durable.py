"""Small files and directories that are whole or not there, also after kill -9 and power loss."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from crossfade.schema.errors import InputError

REMOVED: Final = (
    ".removed-"  # what a process that was killed while removing leaves, under a name of no meaning
)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file by one atomic replacement: readers see the old bytes or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a file that takes another's place, whole and durable, when the block ends, and is gone where it fails.

    Args:
        path: In a directory that is there. Any number of processes may write it at once: whoever ends last has written it.
    """
    # In containers processes of several machines have the same number.
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        yield partial
        sync_file(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_file(path: Path) -> None:
    """Make a file's bytes durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_directory(directory: Path) -> None:
    """Remove a directory; it vanishes under its name at once, so that no reader finds half of it."""
    if directory.exists():
        removed = directory.with_name(f"{REMOVED}{directory.name}")
        shutil.rmtree(removed, ignore_errors=True)
        directory.rename(removed)
        shutil.rmtree(removed)


def replace_directory(new: Path, directory: Path) -> None:
    """Rename a directory to where another may stand; that one is removed only once the new one has its name.

    Two renames, since a directory cannot be replaced by one: in the moment between them nothing has the name.
    """
    removed = directory.with_name(f"{REMOVED}{directory.name}")
    shutil.rmtree(removed, ignore_errors=True)
    if directory.exists():
        directory.rename(removed)
    new.rename(directory)
    sync_directory(directory.parent)
    shutil.rmtree(removed, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock for the block, waiting for it; the system frees it when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def locked_or_refused(path: Path, purpose: str, *, shared: bool = False) -> Iterator[None]:
    """Like `locked`, for blocks so long that a second one had better not wait; shared, it only refuses others that are not.

    Raises:
        InputError: Another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as handle:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"Another process is {purpose} (it holds {path}); wait for it to end and run this again."
            ) from error
        yield
