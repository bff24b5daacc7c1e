"""Files as users name them: expanded, opened (gzip or not) and cut into blocks of whole lines."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa

from crossfade.schema.errors import InputError, NotFoundError

BLOCK_BYTES: Final = 1 << 24
PARQUET: Final = ".parquet"
CSV: Final = ".csv"
JSON_LINES: Final = ".jsonl"
GZIP: Final = ".gz"
CANONICAL_ENDINGS: Final = (PARQUET, CSV, JSON_LINES, CSV + GZIP, JSON_LINES + GZIP)


def expanded(paths: Sequence[Path], endings: tuple[str, ...]) -> list[Path]:
    """Return the files to read: each path, or the files of fitting endings below it if it is a directory, in name order.

    Args:
        paths: Files or directories.
        endings: Accepted ends of names; empty accepts any.

    Raises:
        NotFoundError: A path does not exist.
        InputError: A file has another ending or is empty, a directory holds no fitting file, or a file is named twice.
    """
    files = [file for path in paths for file in _expanded_one(path, endings)]
    for number, file in enumerate(files):
        if file.stat().st_size == 0:
            raise InputError(f"{file} is empty (0 bytes); leave it out or write it again.")
        if file.resolve() in {earlier.resolve() for earlier in files[:number]}:
            raise InputError(f"{file} is named twice; name each file once.")
    return files


def _expanded_one(path: Path, endings: tuple[str, ...]) -> list[Path]:
    if not path.exists():
        raise NotFoundError(f"There is no file or directory {path}.")
    wanted = f"a file ending in {', '.join(endings)}" if endings else "a file"
    if path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.is_file() and _fits(each, endings))
        if not found:
            raise InputError(f"The directory {path} holds nothing to read; needed {wanted}.")
        return found
    if not _fits(path, endings):
        raise InputError(f"{path} cannot be read by its ending; needed {wanted}.")
    return [path]


def _fits(path: Path, endings: tuple[str, ...]) -> bool:
    return not path.name.startswith((".", "_")) and (not endings or path.name.lower().endswith(endings))


@contextmanager
def faults_named(path: Path) -> Iterator[None]:
    """Turn what libraries raise on a damaged file into one InputError that names it."""
    try:
        yield
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read to its end: {reason or type(error).__name__}; it may be truncated, write it again."
        ) from error


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO | gzip.GzipFile]:
    """Open a file for reading, unzipped if its name ends in `.gz`."""
    with faults_named(path), path.open("rb") as handle:
        yield gzip.GzipFile(fileobj=handle) if path.name.lower().endswith(GZIP) else handle


def line_blocks(path: Path) -> Iterator[bytes]:
    """Yield a file as blocks of whole lines of about 16 MiB, each ending with a line feed."""
    with opened(path) as handle:
        whole, rest = b"", b""
        while block := handle.read(BLOCK_BYTES):
            if whole:
                yield whole
            lines, feed, rest = (rest + block).rpartition(b"\n")
            whole = lines + feed
        if whole or rest:
            yield whole + rest + b"\n" * bool(rest)
