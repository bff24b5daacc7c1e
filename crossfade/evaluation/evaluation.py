"""One system judged by the truth: metrics per user, so that two systems can be compared user by user."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from crossfade.evaluation.bootstrap import Interval, intervals
from crossfade.evaluation.json_files import as_json, from_json, read_json, write_json
from crossfade.evaluation.popularity import Bools, Doubles
from crossfade.features.arrow_files import read_table, write_table
from crossfade.schema.errors import InputError
from crossfade.schema.ids import Rows

EVERYONE = "all"
USER_ROW = "user_row"
COHORT = "cohort."


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn; equal in two evaluations that are compared."""

    samples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Evaluation:
    """The metrics of one system on n test users.

    Holds rows of users and a digest of the truth, never a user's id, so that nothing personal leaves the lake
    with it.

    Args:
        system: Name of what was judged, for example `recommender` or `popularity`.
        bundle: Digest of the bundle that answered, empty for a system without one.
        k: Length of the slates.
        truth: Digest of the truth; equal digests mean equal users, relevant tracks and period.
        user_rows: [n] int32 in the dataset that was evaluated.
        metrics: Metric -> [n] float64, NaN where it is not defined for a user.
        cohorts: Group of users -> [n] bool.
        catalogue: Metric of all slates together -> interval.
        shares_by_listeners: Share of the shown places by popularity, as `Popularity.shares_by_listeners`.
        resampling: How intervals are drawn.
        model: Digest of that bundle's model alone, empty for a system without one; equal for two bundles that
            answer alike, whatever else their manifests say.
    """

    system: str
    bundle: str
    k: int
    truth: str
    user_rows: Rows
    metrics: Mapping[str, Doubles]
    cohorts: Mapping[str, Bools]
    catalogue: Mapping[str, Interval]
    shares_by_listeners: list[float]
    resampling: Resampling = field(default_factory=lambda: Resampling(500, 0.95, 42))
    model: str = ""

    def __len__(self) -> int:
        """Return the number of test users."""
        return len(self.user_rows)

    @cached_property
    def groups(self) -> dict[str, Bools]:
        """Cohort -> [n] bool, `all` first."""
        return {EVERYONE: np.ones(len(self), np.bool_), **self.cohorts}

    @cached_property
    def summary(self) -> dict[str, dict[str, Interval]]:
        """Cohort -> metric -> mean and interval; `all` comes first and has those of all slates together."""
        found = by_group(self.metrics, self.groups, self.resampling)
        return {
            EVERYONE: {**found[EVERYONE], **self.catalogue},
            **{name: found[name] for name in self.cohorts},
        }

    def save(self, directory: Path) -> None:
        """Write `<system>.arrow` (a row per user) and `<system>.json` (means and intervals)."""
        columns: dict[str, Any] = {USER_ROW: self.user_rows, **self.metrics}
        columns |= {f"{COHORT}{name}": flags for name, flags in self.cohorts.items()}
        write_table(pa.table(columns), directory / f"{self.system}.arrow")
        about = {
            "system": self.system,
            "bundle": self.bundle,
            "model": self.model,
            "k": self.k,
            "truth": self.truth,
            "users": {name: int(flags.sum()) for name, flags in self.groups.items()},
            "summary": {
                name: {metric: as_json(i) for metric, i in found.items()}
                for name, found in self.summary.items()
            },
            "catalogue": {name: as_json(interval) for name, interval in self.catalogue.items()},
            "shares_by_listeners": self.shares_by_listeners,
            "resampling": vars(self.resampling),
        }
        write_json(about, directory / f"{self.system}.json")

    @classmethod
    def load(cls, directory: Path, system: str) -> "Evaluation":
        """Read what `save` wrote.

        Raises:
            IntegrityError: A file is missing or not whole.
        """
        about = read_json(directory / f"{system}.json")
        table = read_table(directory / f"{system}.arrow")
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
        user_rows = columns.pop(USER_ROW)
        return cls(
            about["system"],
            about["bundle"],
            about["k"],
            about["truth"],
            user_rows,
            {name: column for name, column in columns.items() if not name.startswith(COHORT)},
            {
                name.removeprefix(COHORT): column
                for name, column in columns.items()
                if name.startswith(COHORT)
            },
            {name: from_json(values) for name, values in about["catalogue"].items()},
            about["shares_by_listeners"],
            Resampling(**about["resampling"]),
            about["model"],
        )


def by_group(
    metrics: Mapping[str, Doubles], groups: Mapping[str, Bools], resampling: Resampling
) -> dict[str, dict[str, Interval]]:
    """Return group -> metric -> mean and interval, all from the same resampled users."""
    blank = np.full((len(next(iter(groups.values()))), 0), np.nan)
    columns = [
        np.where(flags, values, np.nan)[:, None] for flags in groups.values() for values in metrics.values()
    ]
    found = iter(intervals(np.hstack([blank, *columns]), **vars(resampling)))
    return {name: {metric: next(found) for metric in metrics} for name in groups}


def require_same_users(first: Evaluation, second: Evaluation) -> None:
    """Refuse to compare evaluations of different users, truths or list lengths.

    Raises:
        InputError: Says what differs.
    """
    if first.k != second.k:
        raise InputError(
            f"{first.system} was evaluated at k={first.k} and {second.system} at k={second.k}; use one k."
        )
    if first.truth != second.truth or not np.array_equal(first.user_rows, second.user_rows):
        raise InputError(
            f"{first.system} ({len(first)} users, truth {first.truth[:12]}) and {second.system} "
            f"({len(second)} users, truth {second.truth[:12]}) were not "
            "evaluated on the same users and tracks; evaluate both on one dataset."
        )


def paired(first: Evaluation, second: Evaluation) -> dict[str, dict[str, Interval]]:
    """Return cohort -> metric -> mean and interval of first minus second, user by user.

    Only metrics that both have are compared, over the users for whom both are defined.

    Raises:
        InputError: The evaluations are not of the same users.
    """
    require_same_users(first, second)
    shared = [name for name in first.metrics if name in second.metrics]
    differences = {name: first.metrics[name] - second.metrics[name] for name in shared}
    return by_group(differences, first.groups, first.resampling)
