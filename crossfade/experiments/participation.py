"""Running experiments as requests meet them: who takes part, and which variant they get."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from crossfade.experiments.assignment import NUM_BUCKETS, Allocation, bucket
from crossfade.experiments.spec import Experiment, read_experiment
from crossfade.schema.errors import InputError, NotFoundError


@dataclass(frozen=True)
class Participation:
    """One running experiment.

    A user is held out if their bucket under "<layer>/holdout" is among the first of all buckets, so that one layer's
    experiments hold out the same users. The others are allocated by the experiment's own salt; shares are of all users, so
    among these they are larger, to the nearest bucket.

    Args:
        experiment: Its manifest, whose running step counts.
    """

    experiment: Experiment

    def variant(self, user: str, country: str | None) -> str | None:
        """Return a user's variant, None for who takes no part.

        Args:
            user: Own id.
            country: As the request tells it; where the experiment is for some countries, an unknown one is none of them.
        """
        countries = self.experiment.spec.eligibility.countries
        if countries is not None and country not in countries:
            return None
        return None if self.is_held_out(user) else self.allocation.variant(user)

    def is_held_out(self, user: str) -> bool:
        """Return whether a user, by their own id, takes part in none of the layer's experiments."""
        return bucket(f"{self.layer}/holdout", user) < self.experiment.spec.holdout * NUM_BUCKETS

    @property
    def layer(self) -> str:
        """Whose holdout counts; without a layer the experiment is one."""
        return self.experiment.spec.layer or self.experiment.salt

    @cached_property
    def allocation(self) -> Allocation:
        """Who gets which variant of those who are not held out; errors as in `Allocation`."""
        left, shares = 1 - self.experiment.spec.holdout, self.experiment.shares
        if left < 1:
            shares = {name: round(share / left * NUM_BUCKETS) / NUM_BUCKETS for name, share in shares.items()}
        # The manifest's order of variants, not that of one step: a treatment keeps its place as long as it runs.
        return Allocation(
            self.experiment.salt, {name: shares[name] for name in self.experiment.spec.treatments}
        )


def read_experiments(path: Path) -> list[Experiment]:
    """Read the manifests that run: a file, or all YAML files of a directory, by name.

    Raises:
        NotFoundError: There is no such file or directory.
        InputError: A file is no manifest, its shares cannot be had, or two experiments share a surface or a layer.
    """
    if not path.exists():
        raise NotFoundError(f"Experiments {path} do not exist; name a manifest, or a directory of them.")
    files = manifests_of(path)
    found = [read_experiment(file) for file in files]
    for file, experiment in zip(files, found, strict=True):
        try:
            _ = Participation(experiment).allocation
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
    _require_one(path, "surface", [each.spec.surface for each in found])
    _require_one(path, "layer", [each.spec.layer for each in found if each.spec.layer])
    return found


def manifests_of(path: Path) -> list[Path]:
    """Return the manifests of a path: a file itself, or the YAML files of a directory, by name."""
    return sorted(path.glob("*.y*ml")) if path.is_dir() else [path]


def _require_one(path: Path, what: str, taken: Sequence[str]) -> None:
    for each in taken:
        if taken.count(each) > 1:
            raise InputError(f"{path}: {what}={each} has several experiments; one at a time.")
