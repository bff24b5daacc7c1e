"""The lake: Delta tables in layers under one directory, with one small file that says which schema they follow."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Final, TypeAlias
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from crossfade.schema.durable import locked_or_refused, replace_file
from crossfade.schema.errors import CrossfadeError, InputError, IntegrityError, NotFoundError
from crossfade.schema.tables import SCHEMA_VERSION

BRONZE: Final = "bronze"  # as received, typed, with where each row came from
SILVER: Final = "silver"  # clean, deduplicated, sessionised
GOLD: Final = "gold"  # what training reads
QUARANTINE: Final = "quarantine"  # refused rows with their reasons
LAYERS: Final = (BRONZE, SILVER, GOLD, QUARANTINE)

ABOUT_FILE: Final = "lake.json"
ID: Final = "id"
LOCK_FILE: Final = ".lock"
SCRATCH: Final = ".scratch"
# A lake killed while it was made holds at most these; anything else means that the directory is in other use.
OWN_FILES: Final = (ABOUT_FILE, LOCK_FILE, SCRATCH, f".{ABOUT_FILE}.")

# delta-rs 1.6 cannot write below such a path, or DuckDB would read it as a pattern.
UNUSABLE: Final = frozenset("%[]^|\\*?")

# Small enough that replacing a day copies few rows of others; `crossfade lake compact` merges what has become too many.
FILE_BYTES: Final = 8 << 20

ArrowRows: TypeAlias = pa.Table | pa.RecordBatchReader


class Lake:
    """Delta tables at `<path>/<layer>/<name>`; every write is one atomic commit and one new version."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> "Lake":
        """Open the lake at a path, making an empty one if nothing is there.

        Raises:
            InputError: The path is a file, or a directory that holds other things, or has characters that Delta cannot write.
            IntegrityError: As `open`.
        """
        unusable = sorted(set(str(path.absolute())) & UNUSABLE)
        if unusable:
            raise InputError(
                f"A lake's path must not contain {' '.join(unusable)}, got {path.absolute()}; name another path."
            )
        if (path / ABOUT_FILE).exists():
            return cls.open(path)
        if path.exists() and not path.is_dir():
            raise InputError(f"A lake is a directory, but {path} is a file; name another path.")
        foreign = (
            [entry.name for entry in path.iterdir() if not entry.name.startswith(OWN_FILES)]
            if path.exists()
            else []
        )
        if foreign:
            raise InputError(
                f"{path} is not a lake (it has no {ABOUT_FILE}) and is not empty: it holds {sorted(foreign)[0]}"
                f"{' and more' if len(foreign) > 1 else ''}; name a new directory or an existing lake."
            )
        about = {"schema_version": SCHEMA_VERSION, ID: secrets.token_hex(4)}
        replace_file(path / ABOUT_FILE, json.dumps(about).encode())
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "Lake":
        """Open an existing lake.

        Raises:
            NotFoundError: There is no lake at the path.
            IntegrityError: Its `lake.json` is not readable, or of a newer schema version.
        """
        about = path / ABOUT_FILE
        if not about.is_file():
            raise NotFoundError(
                f"There is no lake at {path} (no {ABOUT_FILE}); make one with: crossfade import events FILE --lake {path}"
            )
        version = _schema_version(about)
        if version > SCHEMA_VERSION:
            raise IntegrityError(
                f"The lake at {path} has schema version {version}, but this Crossfade knows versions up to "
                f"{SCHEMA_VERSION}; use a newer Crossfade. Nothing was changed."
            )
        return cls(path)

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Hold the lake's one writer lock for the block.

        Yields:
            An empty directory for temporary files, gone afterwards; what a killed writer left there is gone too.

        Raises:
            InputError: Another process is importing into the lake or refreshing it.
            CrossfadeError: The disk is full or cannot be written.
        """
        with locked_or_refused(self.path / LOCK_FILE, f"writing to the lake at {self.path}"):
            scratch = self.path / SCRATCH
            rmtree(scratch, ignore_errors=True)
            try:
                scratch.mkdir()
                yield scratch
            except OSError as error:
                raise unwritten(self.path, error) from error
            finally:
                rmtree(scratch, ignore_errors=True)

    def append(self, layer: str, name: str, rows: ArrowRows, about: Mapping[str, str] | None = None) -> None:
        """Append rows as one commit, making the table if it is missing.

        Args:
            layer: One of `LAYERS`.
            name: The table's name.
            rows: A table, or a stream of batches for what does not fit into memory.
            about: Kept in the commit, shown by `history`.

        Raises:
            CrossfadeError: The disk is full or cannot be written; the table is as it was.
        """
        self._write(layer, name, rows, "append", about)

    def overwrite(
        self, layer: str, name: str, rows: ArrowRows, about: Mapping[str, str] | None = None
    ) -> None:
        """Replace all rows, and the columns, as one commit; earlier versions stay readable."""
        self._write(layer, name, rows, "overwrite", about)

    def replace(
        self, layer: str, name: str, rows: ArrowRows, predicate: str, about: Mapping[str, str] | None = None
    ) -> None:
        """Replace the rows that meet a predicate, as one commit; files that hold none of them are not touched.

        Args:
            layer: One of `LAYERS`.
            name: The table's name.
            rows: What stands in their place; all of it meets the predicate.
            predicate: A condition on columns, in SQL.
            about: As `append`.

        Raises:
            CrossfadeError: The disk is full or cannot be written; the table is as it was.
        """
        self._write(layer, name, rows, "overwrite", about, predicate)

    def _write(
        self,
        layer: str,
        name: str,
        rows: ArrowRows,
        mode: str,
        about: Mapping[str, str] | None,
        predicate: str | None = None,
    ) -> None:
        path = self._table_path(layer, name)
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_deltalake(
                str(path),
                rows,
                mode=mode,
                schema_mode="overwrite" if mode == "overwrite" and predicate is None else "merge",
                predicate=predicate,
                target_file_size=FILE_BYTES,
                commit_properties=CommitProperties(custom_metadata=dict(about or {})),
            )
        except (OSError, DeltaError) as error:
            raise unwritten(path, error) from error

    def has(self, layer: str, name: str) -> bool:
        """Return whether the table has been written."""
        return bool(DeltaTable.is_deltatable(str(self._table_path(layer, name))))

    def read(self, layer: str, name: str, version: int | None = None) -> pa.Table:
        """Read a whole table, by default its newest version.

        Raises:
            NotFoundError: No such table or version.
        """
        return self.dataset(layer, name, version).to_table()

    def dataset(self, layer: str, name: str, version: int | None = None) -> ds.Dataset:
        """Return a table as a lazily read Arrow dataset, to scan by batches or to hand to an engine.

        Raises:
            NotFoundError: No such table or version.
        """
        return self._delta(layer, name, version).to_pyarrow_dataset()

    def files(self, layer: str, name: str, version: int | None = None) -> list[Path]:
        """Return the Parquet files of a version, for an engine that reads them better itself; empty if it has no row.

        Raises:
            NotFoundError: No such table or version.
        """
        return [Path(unquote(uri)) for uri in self._delta(layer, name, version).file_uris()]

    def num_rows(self, layer: str, name: str) -> int:
        """Return the number of rows of the newest version, 0 where the table has not been written."""
        return int(self._delta(layer, name).count()) if self.has(layer, name) else 0

    def version(self, layer: str, name: str) -> int | None:
        """Return the newest version, None where the table has not been written."""
        return int(self._delta(layer, name).version()) if self.has(layer, name) else None

    def versions(self) -> dict[str, int]:
        """Return the newest version of every table as {"layer/name": version}."""
        found = {
            f"{layer}/{table.name}": self.version(layer, table.name)
            for layer in LAYERS
            for table in sorted((self.path / layer).glob("*"))
        }
        return {name: version for name, version in found.items() if version is not None}

    @property
    def id(self) -> str:
        """Random name that the lake got when it was made; empty for one of a release that gave none.

        Versions only count commits, so that a lake that is removed and filled anew at its path has them again.
        """
        return str(json.loads((self.path / ABOUT_FILE).read_text("utf-8")).get(ID, ""))

    def pins(self) -> str:
        """Return which lake and which versions of its tables stand now, as JSON: other pins, other rows."""
        return json.dumps({"lake": self.id, "versions": self.versions()}, sort_keys=True)

    def pinned(self, pins: str) -> dict[str, int]:
        """Return the versions of `pins`.

        Raises:
            IntegrityError: They are of another lake that stood at this path.
        """
        given = json.loads(pins)
        if given["lake"] != self.id:
            raise IntegrityError(
                f"The lake at {self.path} is {self.id!r}, but the versions to read are of {given['lake']!r}, which stood "
                "there before; run this again from the start."
            )
        return {str(name): int(version) for name, version in given["versions"].items()}

    def history(self, layer: str, name: str) -> list[dict[str, object]]:
        """Return the commits of a table, newest first, with what each was told `about`."""
        return list(self._delta(layer, name).history())

    def _delta(self, layer: str, name: str, version: int | None = None) -> DeltaTable:
        if not self.has(layer, name):
            raise NotFoundError(f"The lake at {self.path} has no table {layer}/{name}; {_MEND[layer]}")
        newest = DeltaTable(str(self._table_path(layer, name)))
        if version is None or version == newest.version():
            return newest
        if not 0 <= version < newest.version():
            raise NotFoundError(
                f"The lake at {self.path} has no version {version} of {layer}/{name}; its newest is {newest.version()}."
            )
        newest.load_as_version(version)
        return newest

    def _table_path(self, layer: str, name: str) -> Path:
        return self.path / layer / name


_IMPORT: Final = "import its files first with: crossfade import"
_REFRESH: Final = "build it with: crossfade lake refresh"
_MEND: Final = {
    BRONZE: _IMPORT,
    SILVER: _REFRESH,
    GOLD: _REFRESH,
    QUARANTINE: "no row of it was ever refused.",
}


def unwritten(path: Path, error: Exception) -> CrossfadeError:
    """Return what to raise where a table or the lake could not be written."""
    reason = " ".join(str(error).split())
    return CrossfadeError(
        f"{path} could not be written: {reason}. What stood there is unchanged; make room and run the same command again."
    )


def _schema_version(about: Path) -> int:
    try:
        return int(json.loads(about.read_text("utf-8"))["schema_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{about} must say the lake's schema_version as a number, but it does not: {error!r}."
        ) from error
