"""A lake as a refresh sees it: bronze stands still while a stream goes on writing, and days are replaced behind its back."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import ibis.expr.types as ir
from deltalake import DeltaTable

from crossfade.lake.days import Days
from crossfade.lake.lake import BRONZE, QUARANTINE, Lake
from crossfade.schema.errors import IntegrityError

STREAMED: Final = (BRONZE, QUARANTINE)


@dataclass(frozen=True)
class Behind:
    """What is written of a table, perhaps just now.

    Args:
        days: Those whose rows are replaced; None where all are.
        rows: What an engine keeps of what will stand there.
        before: The table as it was.
        written: Done when its next version stands.
    """

    days: Days | None
    rows: ir.Table
    before: DeltaTable
    written: "Future[None]"


class StillLake(Lake):
    """The lake at a path, with bronze and quarantine as they were when this object was made.

    It saves its users from pinning each read, and from reading Delta's logs again: nobody else may write to silver and gold as
    long as it is used. What was not there then stays absent. Writes go to the lake itself.

    Inside `writing_behind`, tables may be written by another thread. All writes are done in the order in which they were asked
    for, so that none is there without what it was made from. Who reads such a table waits for it, but for its version.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._opened: dict[tuple[str, str, int | None], DeltaTable] = {}
        self._there: set[str] = set()
        self._behind: dict[str, Behind] = {}
        self._writer: ThreadPoolExecutor | None = None
        self._still = {
            name: version for name, version in Lake(path).versions().items() if name.startswith(STREAMED)
        }

    def has(self, layer: str, name: str) -> bool:
        """Return whether the table had been written."""
        table = f"{layer}/{name}"
        if layer not in STREAMED and table not in self._there and super().has(layer, name):
            self._there.add(table)  # no table ever goes
        return table in (self._still if layer in STREAMED else self._there)

    def delta(self, layer: str, name: str, version: int | None = None) -> DeltaTable:
        """Return Delta's own handle of a table as it stood, or stands now in layers that do not stream."""
        table = f"{layer}/{name}"
        if version is None and table in self._behind:
            self._behind[table].written.result()
        key = (layer, name, self._still.get(table) if version is None else version)
        if key not in self._opened:
            self._opened[key] = super().delta(*key)
        return self._opened[key]

    def version(self, layer: str, name: str) -> int | None:
        """Return the newest version, also one that is still being written."""
        behind = self.behind(f"{layer}/{name}")
        return behind.before.version() + 1 if behind else super().version(layer, name)

    def behind(self, table: str) -> Behind | None:
        """Return what `write_behind` was told of "layer/name"."""
        return self._behind.get(table)

    @contextmanager
    def writing_behind(self) -> Iterator[None]:
        """Let `write_behind` write inside the block, which is left when all is written.

        Raises:
            CrossfadeError: The disk is full or cannot be written; what should have been written after that was not.
        """
        with ThreadPoolExecutor(1) as self._writer:
            yield
        self._settle()

    def write_behind(
        self, table: str, days: Days | None, rows: ir.Table, write: Callable[[Lake], None]
    ) -> None:
        """Write a table in another thread; inside `writing_behind`, once for each table.

        Args:
            table: "layer/name", which exists.
            days: See `Behind`.
            rows: See `Behind`.
            write: Makes the table's next version in the lake that it is given.
        """
        if self._writer is None:
            raise RuntimeError("write_behind is called outside writing_behind")
        layer, _, name = table.partition("/")
        before, earlier = self.delta(layer, name), list(self._behind.values())

        def ordered() -> None:
            for other in earlier:  # done by now; this one must not be there without one that failed
                other.written.result()
            lake = Lake(self.path)
            write(lake)
            if (
                lake.version(layer, name) != before.version() + 1
            ):  # other tables name it as what they are made from
                raise IntegrityError(
                    f"{table} in the lake at {self.path} was written by somebody else meanwhile; refresh it again."
                )

        self._opened[layer, name, before.version()] = self._opened.pop((layer, name, None))
        self._behind[table] = Behind(days, rows, before, self._writer.submit(ordered))

    def _settle(self) -> None:
        for behind in self._behind.values():
            behind.written.result()

    @contextmanager
    def _written(self, layer: str, name: str) -> Iterator[Path]:
        self._settle()
        self._opened.pop((layer, name, None), None)
        with super()._written(layer, name) as path:
            yield path
