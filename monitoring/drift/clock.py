"""Listening as it would have come in the week after a bundle learnt: what the clock alone changes is no drift.

What a bundle is asked about changes every day although nobody listens otherwise: a lake grows, so that whatever is counted since
its beginning does, and the tracks that a bundle knows grow older. So a bundle is asked about each day as about the same weekday
of the week after it learnt. Listening is moved back by whole weeks, and what then lies before the beginning of the lake is
cut off: histories are as long as they were, tracks as old, and weekdays as they are.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from crossfade.features.dataset import Dataset
from crossfade.features.follows import Follows
from crossfade.features.interactions import ON_TIME, SECONDS_PER_DAY
from monitoring.drift.series import WEEK_DAYS

WEEK_SECONDS: Final = WEEK_DAYS * SECONDS_PER_DAY


@dataclass(frozen=True)
class Listening:
    """Histories, and the same moved back by some weeks.

    Args:
        dataset: As it is.
    """

    dataset: Dataset
    _moved: dict[int, Dataset] = field(default_factory=dict)

    def as_after(self, learnt_until: int, moment: int) -> tuple[Dataset, int]:
        """Return listening and where a moment is in it, within the week after a bundle learnt.

        Args:
            learnt_until: UTC seconds; what came before the bundle knows.
            moment: UTC seconds. One in that week or before it stays where it is.
        """
        weeks = max(0, (moment - learnt_until) // WEEK_SECONDS)
        if weeks not in self._moved:
            self._moved[weeks] = moved_back(self.dataset, weeks) if weeks else self.dataset
        return self._moved[weeks], moment - weeks * WEEK_SECONDS


def moved_back(dataset: Dataset, weeks: int) -> Dataset:
    """Return a dataset all of whose listening and follows came so many weeks earlier; it begins when it did.

    Args:
        dataset: Of which users, catalogue and split stay as they are.
        weeks: At least 1.
    """
    acts, follows, by = dataset.interactions, dataset.follows, weeks * WEEK_SECONDS
    begin = acts.seconds.min() if len(acts) else 0
    arrivals = acts.arrivals
    if arrivals is not None:
        arrivals = np.where(arrivals == ON_TIME, ON_TIME, arrivals - by)
    earlier = replace(acts, seconds=acts.seconds - by, arrivals=arrivals)
    kept = follows.seconds - by >= begin
    return replace(
        dataset,
        interactions=earlier.where(earlier.seconds >= begin),
        follows=Follows(follows.user_rows[kept], follows.artist_rows[kept], follows.seconds[kept] - by),
    )
