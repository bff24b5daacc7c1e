"""What users did on which day since they were first shown something, as matrices."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.experiments.statistics.moments import Doubles
from crossfade.lake.days_since import DAY, SECONDS_PER_DAY
from crossfade.lake.participants import DAYS_ACTIVE, FIRST_SHOWN, PLAYS
from crossfade.schema import columns as c

MICROSECONDS: Final = 1_000_000


def utc_seconds(moments: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return [n] int64 UTC seconds of timestamps, their fractions left out."""
    return np.asarray(moments.cast("timestamp[us]").cast("int64").to_numpy() // MICROSECONDS)


@dataclass(frozen=True)
class Days:
    """Users and their days.

    Args:
        users: user_id and first_shown, one row a user; of an experiment also variant.
        acts: user_id, day and the counts of `days_since.DAILY`, one row for each day on which a user did something.
        last: UTC, until when the lake knows.
    """

    users: pa.Table
    acts: pa.Table
    last: datetime

    def whole_days(self) -> npt.NDArray[np.int64]:
        """Return [num_users] int64: how many whole days are known of each user."""
        known = int(self.last.timestamp()) - utc_seconds(self.users.column(FIRST_SHOWN))
        return np.asarray(known // SECONDS_PER_DAY)

    def counts(self, name: str, num_days: int) -> Doubles:
        """Return [num_users, num_days] float64 a count on each day, 0 where nothing happened; `days_active` is 1 or 0."""
        found = np.zeros((len(self.users), num_days))
        known = self.acts.column(DAY).to_numpy() < num_days
        acts = self.acts.filter(pa.array(known))
        ids = self.users.column(c.USER_ID).combine_chunks()
        rows = pc.index_in(acts.column(c.USER_ID), value_set=ids).to_numpy()
        values = acts.column(PLAYS if name == DAYS_ACTIVE else name).to_numpy()
        found[rows, acts.column(DAY).to_numpy()] = values > 0 if name == DAYS_ACTIVE else values
        return found

    def of(self, variant: str) -> "Days":
        """Return the days of one variant's users."""
        users = self.users.filter(pc.equal(self.users.column(c.VARIANT), variant))
        mine = pc.is_in(self.acts.column(c.USER_ID), value_set=users.column(c.USER_ID).combine_chunks())
        return Days(users, self.acts.filter(mine), self.last)
