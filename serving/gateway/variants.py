"""Which service answers whom: the experiments that the gateway runs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossfade.experiments.assignment import CONTROL
from crossfade.experiments.participation import Participation, read_experiments
from crossfade.experiments.spec import Experiment
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.metrics import Recorder
from crossfade.schema.serving_settings import ServingSettings
from crossfade.schema.tables import Surface
from crossfade.store.contract import variant_surface
from serving.gateway.online import NOBODY, REASON_SECONDS, Online


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
    """

    def __init__(
        self,
        url: str,
        experiments: Sequence[Experiment],
        settings: ServingSettings,
        recorder: Recorder = NOBODY,
    ) -> None:
        self.control = Online(url, settings, recorder)
        self._settings, self._recorder = settings, recorder
        self._running: Mapping[Surface, tuple[Participation, Mapping[str, Online]]] = {}
        self._services: dict[str, Online] = {}
        self._retired: list[tuple[float, Online]] = []
        self.run(experiments)

    def run(self, experiments: Sequence[Experiment]) -> None:
        """Let these experiments, and no others, decide from the next request on; requests in flight end as they began.

        A service whose address stays keeps its connections; one that nobody needs any more is closed later
        (`close_retired`), since requests in flight may still ask it.

        Args:
            experiments: At most one a surface.
        """
        urls = {made.service for each in experiments for made in each.spec.variants[1:] if made.service}
        services = {
            url: self._services.get(url) or Online(url, self._settings, self._recorder) for url in urls
        }
        running = {
            each.spec.surface: (
                Participation(each),
                {made.name: services[made.service] for made in each.spec.variants[1:] if made.service},
            )
            for each in experiments
        }
        now = time.monotonic()
        self._retired += [(now, online) for url, online in self._services.items() if url not in services]
        self._services, self._running = services, running

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

    async def close_retired(self) -> None:
        """Close services that no experiment needs, once no request can be in flight to them."""
        oldest = time.monotonic() - REASON_SECONDS
        gone = [online for since, online in self._retired if since < oldest]
        self._retired = [(since, online) for since, online in self._retired if since >= oldest]
        for online in gone:
            await online.close()

    async def close(self) -> None:
        """Close all connections."""
        for online in (self.control, *self._services.values(), *(online for _, online in self._retired)):
            await online.close()
