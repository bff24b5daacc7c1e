"""The experiments' manifests, read again when they change: a ramp, a stop or a rollback needs no restart."""

import asyncio
import logging
from pathlib import Path

from crossfade.experiments.participation import manifests_of
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.metrics import EXPERIMENT_CHANGES, Recorder
from serving.gateway.variants import Variants, served_experiments

logger = logging.getLogger(__name__)

TAKEN, REFUSED = EXPERIMENT_CHANGES.values[0]


class Manifests:
    """Follows a manifest, or a directory of them.

    Args:
        path: The manifest or directory.
        variants: Told which experiments run.
        recorder: Told of changes.

    Raises:
        NotFoundError: There is no such file or directory.
        InputError: A file is no manifest that can be served.
    """

    def __init__(self, path: Path, variants: Variants, recorder: Recorder) -> None:
        self._path, self._variants, self._recorder = path, variants, recorder
        self.is_well = True
        self._seen = self._texts()
        variants.run(served_experiments(path))

    async def follow(self, every_seconds: float) -> None:
        """Look for changes again and again."""
        while True:
            await asyncio.sleep(every_seconds)
            await self.look()
            await self._variants.close_retired()

    async def look(self) -> None:
        """Take up what changed, all of it at once; what makes no sense is told of once and changes nothing."""
        texts = await asyncio.to_thread(self._texts)
        if texts == self._seen:
            return
        self._seen = texts
        try:
            experiments = await asyncio.to_thread(served_experiments, self._path)
            self._variants.run(experiments)
        except (CrossfadeError, OSError) as error:
            logger.error("The experiments of before go on: %s", error)
            self.is_well = False
            if isinstance(
                error.__cause__ or error, OSError
            ):  # which may pass: the same files are read again at the next look
                self._seen = None
        else:
            names = ", ".join(each.metadata.name for each in experiments) or "none"
            logger.warning("Experiments that run now: %s.", names)
            self.is_well = True
        self._recorder.record(EXPERIMENT_CHANGES, 1, result=TAKEN if self.is_well else REFUSED)

    def _texts(self) -> dict[Path, bytes] | None:
        """Return what the files hold, None where they cannot be read: times of change are too coarse to go by."""
        try:
            return {path: path.read_bytes() for path in manifests_of(self._path)}
        except OSError:
            return None
