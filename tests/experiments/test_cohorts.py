"""Effects by cohort: a planted one for those who played much before, and too small a cohort is left out."""

import numpy as np
import pyarrow as pa
import pytest

from crossfade.experiments.cohorts import cohort_effects
from crossfade.experiments.spec import Experiment
from tests.experiments.test_metrics import arm
from tests.experiments.test_spec import manifest

SIZES = {"SE": 400, "DE": 400, "NO": 20}


def _arm(lift: float, seed: int) -> pa.Table:
    """Half of the users played 0 to 9 tracks before, the others 20; only the latter play more, by the lift."""
    draws, users = np.random.default_rng(seed), sum(SIZES.values())
    before = np.where(np.arange(users) % 2, 20, draws.integers(1, 10, users))
    plays = draws.poisson(10 * np.where(before == 20, 1 + lift, 1.0))
    countries = np.repeat(list(SIZES), list(SIZES.values()))
    told = arm(plays=plays.tolist(), plays_before=before.tolist())
    return told.append_column("country", pa.array(countries.tolist()))


def test_who_played_much_before_plays_more() -> None:
    spec = Experiment.model_validate(manifest()).spec
    found = {
        each.cohort: each for each in cohort_effects(spec, {"control": _arm(0, 1), "flow": _arm(0.5, 2)})
    }
    middle = next(name for name in found if name.startswith("up to "))
    much = next(name for name in found if name.startswith("over "))
    assert found[much].users + found[middle].users == sum(SIZES.values())
    assert found[much].estimate == pytest.approx(0.5, abs=0.1)
    assert found[much].low > 0.3
    assert abs(found[middle].estimate) < 0.1
    assert "country NO" not in found
    assert found["country SE"].low < 0.25 < found["country SE"].high
