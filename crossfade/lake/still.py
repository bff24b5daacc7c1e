"""A lake whose bronze stands still while a stream goes on writing to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deltalake import DeltaTable

from crossfade.lake.lake import BRONZE, QUARANTINE, Lake

STREAMED: Final = (BRONZE, QUARANTINE)


class StillLake(Lake):
    """The lake at a path, with bronze and quarantine as they were when this object was made.

    It saves its users from pinning each read, and from reading Delta's logs again: nobody else may write to silver and gold as
    long as it is used. What was not there then stays absent. Writes go to the lake itself.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._opened: dict[tuple[str, str, int | None], DeltaTable] = {}
        self._there: set[str] = set()
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
        key = (layer, name, self._still.get(f"{layer}/{name}") if version is None else version)
        if key not in self._opened:
            self._opened[key] = super().delta(*key)
        return self._opened[key]

    @contextmanager
    def _written(self, layer: str, name: str) -> Iterator[Path]:
        self._opened.pop((layer, name, None), None)
        with super()._written(layer, name) as path:
            yield path
