"""The popular slates of the champion, changed when the champion changes."""

import asyncio
import logging
from pathlib import Path

from crossfade.recommender.workspace import Workspace
from serving.popular import PopularSlates

logger = logging.getLogger(__name__)


class Champion:
    """Holds the popular slates of a bundle.

    Args:
        bundle: Whose, for good; None follows the workspace's champion.
        workspace: Whose champion is followed.

    Raises:
        NotFoundError: There is no bundle or champion.
        IntegrityError: A file that is read is damaged.
    """

    def __init__(self, bundle: Path | None, workspace: Workspace | None) -> None:
        self._workspace = workspace
        self.popular = PopularSlates.load(bundle or _champion(workspace))
        self._refused: str | None = None

    async def follow(self, every_seconds: float) -> None:
        """Look for another champion again and again; one that cannot be read is told of once and passed over."""
        while self._workspace is not None:
            await asyncio.sleep(every_seconds)
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        try:
            wanted = _champion(self._workspace)
            if wanted.name not in (self.popular.bundle, self._refused):
                self._refused = wanted.name
                self.popular = PopularSlates.load(wanted)
                self._refused = None
        except Exception as error:  # noqa: BLE001 (whatever is wrong with the new bundle, the old one goes on, and is followed)
            logger.error("Popular tracks stay those of bundle %s: %s", self.popular.bundle, error)


def _champion(workspace: Workspace | None) -> Path:
    assert workspace is not None, "a bundle or a workspace is given"
    return workspace.champion()
