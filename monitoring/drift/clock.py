"""Listening as it would have come in the week after a bundle learnt: what the clock alone changes is no drift.

What a bundle is asked about changes every day although nobody listens otherwise: a lake grows, so that whatever is counted since
its beginning does, and the tracks that a bundle knows grow older. So a bundle is asked about each day as about the same weekday
of the week after it learnt. Listening is moved back by whole weeks, and what then lies before the beginning of the lake is
cut off: histories are as long as they were, tracks as old, and weekdays as they are. What a skip says is told after that, since
it depends on what of a listener's past is known.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa

from crossfade.features.dataset import Dataset, Split
from crossfade.features.follows import Follows
from crossfade.features.interactions import ON_TIME, SECONDS_PER_DAY
from crossfade.features.make_dataset import make_dataset
from crossfade.features.skips import SkipHabits
from crossfade.lake.lake import Lake
from crossfade.schema.settings import Settings
from monitoring.drift.series import WEEK_DAYS

WEEK_SECONDS: Final = WEEK_DAYS * SECONDS_PER_DAY


@dataclass(frozen=True)
class Listening:
    """Histories, and the same moved back by some weeks.

    Args:
        raw: As it was counted: skips are not corrected yet.
        habits: What skips are corrected by; None where they are left as they are.
    """

    raw: Dataset
    habits: SkipHabits | None = None
    _moved: dict[int, Dataset] = field(default_factory=dict)

    @classmethod
    def read(cls, lake: Lake, settings: Settings, split: Split, only: pa.Array | None) -> "Listening":
        """Read what a lake holds now, to ask a bundle about it; arguments as in `make_dataset`."""
        skips = settings.skips.model_copy(update={"correct": False})
        raw = make_dataset(lake, settings.model_copy(update={"skips": skips}), split=split, only=only)
        if not settings.skips.correct:
            return cls(raw)
        acts = raw.interactions
        return cls(raw, SkipHabits.of(acts.where(acts.known_before(split.validation_start))))

    @property
    def dataset(self) -> Dataset:
        """Listening as it is."""
        return self._back(0)

    def as_after(self, learnt_until: int, moment: int) -> tuple[Dataset, int]:
        """Return listening and where a moment is in it, within the week after a bundle learnt.

        Args:
            learnt_until: UTC seconds; what came before the bundle knows.
            moment: UTC seconds. One in that week or before it stays where it is.
        """
        weeks = max(0, (moment - learnt_until) // WEEK_SECONDS)
        return self._back(weeks), moment - weeks * WEEK_SECONDS

    def _back(self, weeks: int) -> Dataset:
        if weeks not in self._moved:
            moved = moved_back(self.raw, weeks) if weeks else self.raw
            if self.habits is not None:
                moved = replace(moved, interactions=self.habits.corrected(moved.interactions))
            self._moved[weeks] = moved
        return self._moved[weeks]


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
