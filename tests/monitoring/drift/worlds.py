"""Series of days whose answer is known: mixes drawn from one distribution, until something is planted."""

from datetime import date

import numpy as np

from crossfade.schema.monitoring_settings import DriftSettings
from crossfade.schema.settings import default_settings
from monitoring.drift.measures import Kind, Measure
from monitoring.drift.series import Series

FIRST = date(2026, 1, 5)  # a Monday
SHARES = np.array([0.4, 0.3, 0.2, 0.1])
NUM_REFERENCE = 56


def settings(**changes: float) -> DriftSettings:
    return default_settings().drift.model_copy(update=changes)


def mixes(seed: int, num_series: int, num_days: int, listens: int = 1000) -> list[Series]:
    """Return series whose days are draws of one mix; weekends listen to the last category twice as much."""
    random = np.random.default_rng(seed)
    weekend = SHARES * [1, 1, 1, 2]
    found = []
    for number in range(num_series):
        days = [
            random.multinomial(listens, (weekend / weekend.sum()) if day % 7 >= 5 else SHARES)
            for day in range(num_days)
        ]
        measure = Measure(f"m{number}", Kind.MIX, "")
        found.append(Series(measure, "everybody", ("a", "b", "c", "d"), np.array(days, float)))
    return found
