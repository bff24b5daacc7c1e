"""Which service answers whom: the experiments that the gateway runs."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossfade.experiments.assignment import CONTROL
from crossfade.experiments.participation import Participation, read_experiments
from crossfade.experiments.spec import Experiment
from crossfade.schema import columns as c
from crossfade.schema.errors import CrossfadeError, InputError
from crossfade.schema.metrics import Recorder
from crossfade.schema.serving_settings import ServingSettings
from crossfade.schema.tables import Surface
from crossfade.store.contract import variant_surface
from serving.gateway.online import NOBODY, Online

logger = logging.getLogger(__name__)

Running = dict[Surface, tuple[Participation, Mapping[str, Online]]]


def served_experiments(path: Path) -> list[Experiment]:
    """Read the manifests of a file or directory, each of whose treatments has a service.

    Raises:
        NotFoundError: There is no such file or directory.
        InputError: As in `read_experiments`, or a treatment has no service.
    """
    found = read_experiments(path)
    for experiment in found:
        for variant in experiment.spec.variants[1:]:
            if variant.service is None:
                raise InputError(
                    f"{path}: variant {variant.name!r} of experiment {experiment.metadata.name!r} needs a service, the "
                    "address of its own recommender."
                )
    return found


@dataclass(frozen=True)
class Assigned:
    """Who answers a request, and what its exposure says of it; both names are None outside of experiments."""

    online: Online
    experiment: str | None = None
    variant: str | None = None

    @property
    def told(self) -> dict[str, str]:
        """What answers and exposures carry."""
        if self.experiment is None or self.variant is None:
            return {}
        return {c.EXPERIMENT: self.experiment, c.VARIANT: self.variant}

    def stored(self, surface: Surface) -> str:
        """Return the surface under which the store keeps a treatment's own playlists; control's are everybody's."""
        is_treated = self.experiment is not None and self.variant != CONTROL
        return variant_surface(surface, f"{self.experiment}.{self.variant}" if is_treated else "")


class Variants:
    """The recommender services of all variants.

    Args:
        url: Of the service that answers whoever gets no treatment.
        experiments: At most one a surface.
        settings: As in `Online`.
        recorder: As in `Online`.
        path: Where `follow` looks for other manifests; None keeps these for good.
    """

    def __init__(
        self,
        url: str,
        experiments: Sequence[Experiment],
        settings: ServingSettings,
        recorder: Recorder = NOBODY,
        *,
        path: Path | None = None,
    ) -> None:
        self.control = Online(url, settings, recorder)
        self._made_for, self._path = (settings, recorder), path
        self._retired: list[Online] = []
        self._state = _state(path)
        self._running = self._of(experiments, {})

    def _of(self, experiments: Sequence[Experiment], known: Mapping[str, Online]) -> Running:
        """Return who takes part in what, with a connection for each address; those that are known stay."""
        return {
            each.spec.surface: (
                Participation(each),
                {
                    made.name: known.get(made.service) or Online(made.service, *self._made_for)
                    for made in each.spec.variants[1:]
                    if made.service is not None
                },
            )
            for each in experiments
        }

    async def follow(self, every_seconds: float) -> None:
        """Take up manifests that change while requests go on; those that make no sense are told of once, and the old stay."""
        while self._path is not None:
            await asyncio.sleep(every_seconds)
            while self._retired:  # since the last look, and so no request waits for them any more
                await self._retired.pop().close()
            state = await asyncio.to_thread(_state, self._path)
            if state != self._state:
                self._state = state
                await self._take_up(self._path)

    async def _take_up(self, path: Path) -> None:
        try:
            experiments = await asyncio.to_thread(served_experiments, path)
        except CrossfadeError as error:
            logger.error("The experiments stay as they are: %s", error)
            return
        before = {
            online.url: online for _, services in self._running.values() for online in services.values()
        }
        self._running = self._of(experiments, before)
        kept = {online.url for _, services in self._running.values() for online in services.values()}
        self._retired += [online for url, online in before.items() if url not in kept]
        told = ", ".join(f"{each.metadata.name} (step {each.status.step})" for each in experiments)
        logger.warning("Experiments that run now: %s.", told or "none")

    def of(self, surface: Surface, user: str | None, country: str | None = None) -> Assigned:
        """Return who answers; nobody's requests (no user id) are in no experiment."""
        running = self._running.get(surface)
        if running is None or user is None:
            return Assigned(self.control)
        participation, services = running
        variant = participation.variant(user, country)
        if variant is None:
            return Assigned(self.control)
        return Assigned(services.get(variant, self.control), participation.experiment.metadata.name, variant)

    @property
    def well(self) -> dict[str, bool]:
        """Return which services answered lately, by "recommender" or by "experiment/treatment"."""
        treatments = {
            f"{participation.experiment.metadata.name}/{name}": online.is_well
            for participation, services in self._running.values()
            for name, online in services.items()
        }
        return {"recommender": self.control.is_well, **treatments}

    async def close(self) -> None:
        """Close all connections."""
        running = (online for _, found in self._running.values() for online in found.values())
        for online in (self.control, *self._retired, *running):
            await online.close()


def _state(path: Path | None) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of each manifest, by which a change is found."""
    if path is None or not path.exists():
        return ()
    files = sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
    found = []
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # it was removed since it was listed
            about = file.stat()
            found.append((file.name, about.st_size, about.st_mtime_ns))
    return tuple(found)
