"""The lake: Delta tables in layers under one directory, with one small file that says which schema they follow."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from crossfade.lake.messages import refuse_newer, unwritten
from crossfade.lake.parquet_commit import overwrite_by_files
from crossfade.lake.place import ABOUT_FILE, LOCK_FILE, SCRATCH, refuse_foreign, refuse_unusable
from crossfade.lake.versions import as_of, live_files
from crossfade.schema.durable import locked_or_refused, replace_file
from crossfade.schema.errors import IntegrityError, NotFoundError
from crossfade.schema.tables import SCHEMA_VERSION

BRONZE: Final = "bronze"  # as received, typed, with where each row came from
SILVER: Final = "silver"  # clean, deduplicated, sessionised
GOLD: Final = "gold"  # what training reads
QUARANTINE: Final = "quarantine"  # refused rows with their reasons
LAYERS: Final = (BRONZE, SILVER, GOLD, QUARANTINE)

FEATURES_SUFFIX: Final = "_features"  # of gold tables that hold stored features
ID: Final = "id"
STREAMS_LOCK: Final = ".lock-streams"

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
        refuse_unusable(path)
        if (path / ABOUT_FILE).exists():
            return cls.open(path)
        refuse_foreign(path)
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
        refuse_newer(about)
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

    def streaming(self) -> AbstractContextManager[None]:
        """Keep erasures out while a stream writes to bronze; any number of streams may.

        Raises:
            InputError: A user is being erased.
        """
        return locked_or_refused(self.path / STREAMS_LOCK, f"erasing a user from {self.path}", shared=True)

    def without_streams(self) -> AbstractContextManager[None]:
        """Keep streams out while files and logs of tables are removed.

        Raises:
            InputError: A stream is writing to bronze, or another user is being erased.
        """
        return locked_or_refused(self.path / STREAMS_LOCK, f"streaming into the lake at {self.path}")

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

    def overwrite_by_files(
        self,
        layer: str,
        name: str,
        files: Sequence[Path],
        schema: pa.Schema,
        about: Mapping[str, str] | None = None,
    ) -> None:
        """Like `overwrite`, by Parquet files that an engine has written on the lake's file system; they are moved.

        Raises:
            CrossfadeError: The disk is full or cannot be written; the table is as it was.
        """
        with self._written(layer, name) as path:
            overwrite_by_files(path, files, schema, about)

    def _write(
        self,
        layer: str,
        name: str,
        rows: ArrowRows,
        mode: str,
        about: Mapping[str, str] | None,
        predicate: str | None = None,
    ) -> None:
        with self._written(layer, name) as path:
            write_deltalake(
                str(path),
                rows,
                mode=mode,
                schema_mode="overwrite" if mode == "overwrite" and predicate is None else "merge",
                predicate=predicate,
                target_file_size=FILE_BYTES,
                commit_properties=CommitProperties(custom_metadata=dict(about or {})),
            )

    @contextmanager
    def _written(self, layer: str, name: str) -> Iterator[Path]:
        path = self._table_path(layer, name)
        try:
            path.mkdir(parents=True, exist_ok=True)
            yield path
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
        return self.delta(layer, name, version).to_pyarrow_dataset()

    def files(self, layer: str, name: str, version: int | None = None) -> list[Path]:
        """Return the Parquet files of a version, for an engine that reads them better itself; empty if it has no row.

        Raises:
            NotFoundError: No such table or version.
        """
        return live_files(self.delta(layer, name, version))

    def num_rows(self, layer: str, name: str) -> int:
        """Return the number of rows of the newest version, 0 where the table has not been written."""
        return int(self.delta(layer, name).count()) if self.has(layer, name) else 0

    def version(self, layer: str, name: str) -> int | None:
        """Return the newest version, None where the table has not been written."""
        return int(self.delta(layer, name).version()) if self.has(layer, name) else None

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
        """Return which lake and which versions of its tables stand now, as JSON: other pins, other rows.

        Stored features are left out: they are made from the other tables, and no run reads them.
        """
        versions = {
            name: version for name, version in self.versions().items() if not name.endswith(FEATURES_SUFFIX)
        }
        return json.dumps({"lake": self.id, "versions": versions}, sort_keys=True)

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
        return list(self.delta(layer, name).history())

    def delta(self, layer: str, name: str, version: int | None = None) -> DeltaTable:
        """Return Delta's own handle of a version, by default the newest, to read its log; raises as `dataset` does."""
        if not self.has(layer, name):
            raise NotFoundError(f"The lake at {self.path} has no table {layer}/{name}; {_MEND[layer]}")
        newest = DeltaTable(str(self._table_path(layer, name)))
        if version is None or version == newest.version():
            return newest
        if not 0 <= version < newest.version():
            raise NotFoundError(
                f"The lake at {self.path} has no version {version} of {layer}/{name}; its newest is {newest.version()}."
            )
        return as_of(newest, version, f"{layer}/{name} in the lake at {self.path}")

    def _table_path(self, layer: str, name: str) -> Path:
        return self.path / layer / name


_MEND: Final = {
    BRONZE: "import its files first with: crossfade import",
    **dict.fromkeys((SILVER, GOLD), "build it with: crossfade lake refresh"),
    QUARANTINE: "no row of it was ever refused.",
}
