"""Which service answers whom: the experiments that the gateway runs, read from a file once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pydantic
import yaml
from pydantic import Field

from crossfade.experiments.assignment import CONTROL, Allocation
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.metrics import Recorder
from crossfade.schema.section import Share
from crossfade.schema.serving_settings import ServingSettings
from crossfade.schema.tables import Surface
from serving.gateway.online import NOBODY, Online

Text = Annotated[str, Field(min_length=1)]


class Treatment(pydantic.BaseModel):
    """One treatment: its share of all users, and the address of its own recommender service."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    share: Share
    url: Annotated[str, Field(pattern="^https?://")]


class Experiment(pydantic.BaseModel):
    """One experiment on one surface; users without a treatment get the gateway's own recommender."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    experiment: Text
    surface: Surface
    salt: Text
    treatments: dict[Text, Treatment]

    @property
    def allocation(self) -> Allocation:
        """Return who gets which treatment; errors as in `Allocation`."""
        return Allocation(self.salt, {name: each.share for name, each in self.treatments.items()})


def read_experiments(path: Path) -> list[Experiment]:
    """Read a YAML file that holds a list of experiments, one a surface at most.

    Raises:
        NotFoundError: There is no such file.
        InputError: Names file, place, key and value.
    """
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise NotFoundError(f"Experiments file {path} does not exist.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {error}.") from error
    if not isinstance(values, list):
        raise InputError(f"{path}: needs a list of experiments, got {type(values).__name__}.")
    experiments = [_experiment(each, f"{path}, experiment {number}") for number, each in enumerate(values, 1)]
    surfaces = [each.surface for each in experiments]
    for surface in surfaces:
        if surfaces.count(surface) > 1:
            raise InputError(f"{path}: surface={surface} has several experiments; one at a time.")
    return experiments


def _experiment(values: Any, place: str) -> Experiment:
    try:
        found = Experiment.model_validate(values)
        _ = found.allocation
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InputError(f"{place}: {key}={first['input']!r}: {first['msg']}.") from error
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
    return found


@dataclass(frozen=True)
class Assigned:
    """Who answers a request, and what its exposure says of it; both names are None outside of experiments."""

    online: Online
    experiment: str | None = None
    variant: str | None = None


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
        self._running: dict[Surface, tuple[Experiment, Allocation, Mapping[str, Online]]] = {
            each.surface: (
                each,
                each.allocation,
                {name: Online(made.url, settings, recorder) for name, made in each.treatments.items()},
            )
            for each in experiments
        }

    def of(self, surface: Surface, user: str | None) -> Assigned:
        """Return who answers; nobody's requests (no user id) are in no experiment."""
        running = None if user is None else self._running.get(surface)
        if running is None or user is None:
            return Assigned(self.control)
        experiment, allocation, services = running
        variant = allocation.variant(user)
        online = self.control if variant == CONTROL else services[variant]
        return Assigned(online, experiment.experiment, variant)

    @property
    def well(self) -> dict[str, bool]:
        """Return which services answered lately, by "recommender" or by "experiment/treatment"."""
        treatments = {
            f"{experiment.experiment}/{name}": online.is_well
            for experiment, _, services in self._running.values()
            for name, online in services.items()
        }
        return {"recommender": self.control.is_well, **treatments}

    async def close(self) -> None:
        """Close all connections."""
        for online in (self.control, *(o for _, _, found in self._running.values() for o in found.values())):
            await online.close()
