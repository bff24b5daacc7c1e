"""The popular slates of the champion, changed when the champion changes."""

import asyncio
import logging
import time
from pathlib import Path

from crossfade.recommender.workspace import Workspace
from serving.popular import PopularSlates
from serving.refusals import Refusals

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
        self._refusals = Refusals()

    async def follow(self, every_seconds: float) -> None:
        """Look for another champion again and again; one that cannot be read is told of once and tried again later."""
        while self._workspace is not None:
            await asyncio.sleep(every_seconds)
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        since, name = time.monotonic(), ""
        try:
            wanted = _champion(self._workspace)
            name = wanted.name
            if self._refusals.may_try(name):
                self._take_up(wanted)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with the new bundle, the old one goes on, and is followed)
            if self._refusals.note(name, time.monotonic() - since):
                refused, kept = name or "The champion", self.popular.bundle
                logger.error(
                    "%s is refused and is tried again from time to time. "
                    "Popular tracks stay those of bundle %s: %s",
                    refused,
                    kept,
                    error,
                )

    def _take_up(self, wanted: Path) -> None:
        if wanted.name != self.popular.bundle:
            self.popular = PopularSlates.load(wanted)
        if self._refusals.clear():
            logger.warning("Popular tracks are those of bundle %s now.", self.popular.bundle)


def _champion(workspace: Workspace | None) -> Path:
    assert workspace is not None, "a bundle or a workspace is given"
    return workspace.champion()
