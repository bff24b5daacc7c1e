"""Which generation of the embedded store is live: one small file for each surface, read again only where it is another one."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crossfade.schema.errors import NotFoundError

CURRENT: Final = "CURRENT"


@dataclass(frozen=True)
class Current:
    """The files that name what is live.

    Args:
        directory: Holds one directory for each surface.
    """

    directory: Path
    _lives: dict[str, tuple[tuple[int, int], str]] = field(default_factory=dict, compare=False, repr=False)

    def path(self, surface: str) -> Path:
        """Return the file of a surface; it is there from the first activation on."""
        return self.directory / surface / CURRENT

    def history(self, surface: str) -> list[str]:
        """Return the activated generations, the last one is live."""
        path = self.path(surface)
        return path.read_text("utf-8").split() if path.is_file() else []

    def live(self, surface: str) -> str:
        """Return the live generation.

        Raises:
            NotFoundError: None is live yet.
        """
        try:
            status = os.stat(f"{self.directory}/{surface}/{CURRENT}")
        except FileNotFoundError as error:
            raise self._nothing_live(surface) from error
        stamp = (status.st_ino, status.st_mtime_ns)
        known, name = self._lives.get(surface, (None, ""))
        if known != stamp:
            history = self.history(surface)
            if not history:
                raise self._nothing_live(surface)
            name = history[-1]
            self._lives[surface] = (stamp, name)
        return name

    def _nothing_live(self, surface: str) -> NotFoundError:
        return NotFoundError(
            f"No {surface} playlists are published in {self.directory}; run: crossfade run weekly."
        )
