"""One analysis of a running experiment: what `decide` reads, and what people are told of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.experiments.decision import Observations, allocated, is_mismatched
from crossfade.experiments.history import Standing
from crossfade.experiments.observed import Participants, observations
from crossfade.experiments.spec import Experiment
from crossfade.experiments.statistics.sample_ratio import sources
from crossfade.experiments.status import status
from crossfade.lake.participants import FIRST_SHOWN
from crossfade.schema import columns as c

Counts = dict[str, npt.NDArray[np.int64]]


def analysed(
    experiment: Experiment, found: Participants, standing: Standing
) -> tuple[Observations, dict[str, Any]]:
    """Analyse the running step.

    Args:
        experiment: The manifest.
        found: Who was shown it in this step, and what they did.
        standing: Where it stands; it has begun.

    Returns:
        What `decide` reads, and what `status` tells with `last` (the newest event) and, where users are split otherwise than
        allocated, `mismatches`: the days, countries and devices where it shows.
    """
    assert standing.began is not None
    assert standing.step_began is not None
    times = {"began": standing.began, "step_began": standing.step_began}
    seen = observations(experiment, found, step=standing.step - 1, **times)
    told = status(experiment, seen, found.of_several) | {"last": found.last.isoformat(timespec="seconds")}
    if is_mismatched(experiment.spec, seen):
        told["mismatches"] = mismatches(found.arms, allocated(experiment.spec, seen.step))
    return seen, told


def mismatches(arms: Mapping[str, pa.Table], allocation: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return where users are split otherwise than allocated, the surest first, JSON-able.

    Args:
        arms: Variant -> table with first_shown, country and device.
        allocation: [num_variants] float64 shares, in the order of the arms.
    """
    days = {name: pc.strftime(arm.column(FIRST_SHOWN), format="%Y-%m-%d") for name, arm in arms.items()}
    counts = {
        "day": _counted(days),
        **{
            name: _counted({arm: table.column(name) for arm, table in arms.items()})
            for name in (c.COUNTRY, c.DEVICE)
        },
    }
    return [
        {
            "dimension": each.dimension,
            "value": each.value,
            "users": dict(zip(arms, each.counts, strict=True)),
            "p_value": each.p_value,
        }
        for each in sources(counts, allocation)
    ]


def _counted(values: Mapping[str, pa.ChunkedArray]) -> Counts:
    """Return value -> [num_arms] int64 users; those of whom it is not known are left out."""
    found: Counts = {}
    for place, column in enumerate(values.values()):
        for value, count in zip(*pc.value_counts(column.drop_null()).flatten(), strict=True):
            found.setdefault(value.as_py(), np.zeros(len(values), np.int64))[place] = count.as_py()
    return found
