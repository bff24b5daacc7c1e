"""A treatment's effect on the primary metric by cohort: how much users played before, and where they are."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.experiments.assignment import CONTROL
from crossfade.experiments.metrics import moments
from crossfade.experiments.spec import ExperimentSpec
from crossfade.experiments.statistics.effects import Effect
from crossfade.experiments.statistics.heterogeneity import shrunk
from crossfade.experiments.statistics.sequential import LEAST_USERS
from crossfade.lake.participants import BEFORE, PLAYS
from crossfade.schema import columns as c


class CohortEffect(NamedTuple):
    """One cohort's relative effect, pulled towards that of its family (`statistics.heterogeneity`).

    Args:
        treatment: Compared with control.
        cohort: For people.
        users: Of the treatment.
        estimate: Of the relative effect.
        low: End of the interval for one look; it decides nothing.
        high: Other end.
        differ_p_value: Of Cochran's test that all cohorts of the same kind have one effect.
    """

    treatment: str
    cohort: str
    users: int
    estimate: float
    low: float
    high: float
    differ_p_value: float


def cohort_effects(spec: ExperimentSpec, arms: Mapping[str, pa.Table]) -> list[CohortEffect]:
    """Return the effects of all cohorts that are large enough in both arms.

    Args:
        spec: Its primary metric is compared.
        arms: Variant -> table of `participants.behaviour`.
    """
    found: list[CohortEffect] = []
    for family in (_by_plays_before(arms), _by_country(arms)):
        for treatment in spec.treatments:
            found += _of_family(spec, family, treatment)
    return found


def _of_family(
    spec: ExperimentSpec, family: Mapping[str, Mapping[str, pa.Table]], treatment: str
) -> Iterator[CohortEffect]:
    raw = {}
    for cohort, arms in family.items():
        pair = {name: arms[name] for name in (CONTROL, treatment)}
        told = moments(spec.primary.name, pair) if min(map(len, pair.values())) >= LEAST_USERS else {}
        if len(told) == len(pair):
            effect = Effect.relative(told[treatment], told[CONTROL])
            if effect.variance > 0:
                raw[cohort] = effect
    if not raw:
        return
    estimates, variances = (
        np.array([float(getattr(each, part)) for each in raw.values()]) for part in ("estimate", "variance")
    )
    together = shrunk(Effect(estimates, variances))
    effects = together.effects
    low, high = effects.interval(spec.stop.alpha)
    for place, cohort in enumerate(raw):
        ends = (effects.estimate[place], low[place], high[place], together.p_value)
        yield CohortEffect(treatment, cohort, len(family[cohort][treatment]), *map(float, ends))


def _by_plays_before(arms: Mapping[str, pa.Table]) -> dict[str, dict[str, pa.Table]]:
    """Split at nothing and at the median of all who played."""
    name = PLAYS + BEFORE
    plays = np.concatenate([arm.column(name).to_numpy() for arm in arms.values()])
    middle = float(np.median(plays[plays > 0])) if (plays > 0).any() else 0.0
    bounds = {
        "no plays before": (-np.inf, 0),
        f"up to {middle:g} plays before": (0, middle),
        f"over {middle:g} plays before": (middle, np.inf),
    }
    return {
        cohort: {variant: arm.filter(_between(arm.column(name), *ends)) for variant, arm in arms.items()}
        for cohort, ends in bounds.items()
    }


def _between(column: pa.ChunkedArray, above: float, up_to: float) -> pa.ChunkedArray:
    return pc.and_(pc.greater(column, above), pc.less_equal(column, up_to))


def _by_country(arms: Mapping[str, pa.Table]) -> dict[str, dict[str, pa.Table]]:
    countries = sorted(
        {each for arm in arms.values() for each in arm.column(c.COUNTRY).unique().to_pylist() if each}
    )
    return {
        f"country {country}": {
            variant: arm.filter(pc.equal(arm.column(c.COUNTRY), country)) for variant, arm in arms.items()
        }
        for country in countries
    }
