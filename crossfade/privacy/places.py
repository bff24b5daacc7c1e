"""Where a person may stand: a lake, what was made from it, and where that went."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crossfade.lake.lake import Lake
from crossfade.privacy.lake_traces import rows_of
from crossfade.privacy.log_traces import naming
from crossfade.privacy.store_traces import Stores
from crossfade.privacy.workspace_traces import texts_of
from crossfade.recommender.redaction import bundles_naming
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import WeeklySettings

RECEIPTS: Final = "erasures"


@dataclass(frozen=True)
class Places:
    """Where to look for a person.

    Args:
        lake: The lake.
        workspace: Trained from it; None where nothing was.
        receipts: Directory of receipts, and of what is under way.
        urls: Redis or Cassandra servers that playlists or features went to, besides `weekly.store_url`.
        logs: Logs outside of the workspace.
    """

    lake: Lake
    workspace: Workspace | None
    receipts: Path
    urls: tuple[str, ...] = ()
    logs: tuple[Path, ...] = ()

    @property
    def paths(self) -> list[Path]:
        """Where files are."""
        return [*(place.path for place in (self.lake, self.workspace) if place), *self.logs]

    @property
    def texts(self) -> list[Path]:
        """All logs and documents."""
        return [*(texts_of(self.workspace) if self.workspace else ()), *self.logs]

    def stores(self, weekly: WeeklySettings) -> Stores:
        """Open the stores; each has to answer."""
        return Stores.opened(self.workspace, weekly, self.urls)

    def knows(self, names: list[str], stores: Stores) -> bool:
        """Return whether any place holds something of a person."""
        tables = (rows_of(self.lake, table, names) for table in self.lake.versions())
        return bool(
            any(map(len, filter(None, tables)))
            or (self.workspace and bundles_naming(self.workspace, names))
            or stores.knows(names)
            or any(naming(self.texts, names))
        )


def receipts_of(lake: Lake, workspace: Workspace | None) -> Path:
    """Return where receipts go unless told otherwise: into the workspace, or without one beside the lake."""
    if workspace:
        return workspace.path / RECEIPTS
    return lake.path.resolve().with_name(f"{lake.path.name}.{RECEIPTS}")
