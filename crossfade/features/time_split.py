"""Where time is split into training, validation and test; never at random where there is time."""

from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Split
from crossfade.features.interactions import SECONDS_PER_DAY, Interactions
from crossfade.schema.errors import TrainingError
from crossfade.schema.settings import SplitSettings

FULL_DAYS: Final = 28  # newest days that must all have interactions for a test period of a week ...
WEEK_DAYS: Final = 7
TEST_SHARE: Final = 0.05  # ... else it has at least this share of them
PSEUDO_DAYS: Final = 100  # over which interactions without time are spread


def time_split(acts: Interactions, settings: SplitSettings) -> Split:
    """Choose the moments of the split, all at midnight UTC; the test period ends with the newest day.

    `test_days = 0` takes 7 days when the last 28 all have interactions, else the fewest days that have 5 % of them.
    `validation_days = 0` takes as many days as the test period.

    Args:
        acts: At least one interaction, in any order.
        settings: Lengths.

    Raises:
        TrainingError: The periods leave no day to train on, or one of the three has no positive interaction.
    """
    days = acts.seconds // SECONDS_PER_DAY
    first, last = int(days.min()), int(days.max())
    test_days = settings.test_days or _test_days(np.bincount(last - days))
    validation_days = settings.validation_days or test_days
    if test_days + validation_days > last - first:
        raise TrainingError(
            f"There is not enough time to split: test ({test_days} days) and validation ({validation_days} days) need to "
            f"leave a day to train on, but interactions span {last - first + 1} days; set split.test_days and "
            "split.validation_days lower, or import a longer history."
        )
    end, test_start = last + 1, last + 1 - test_days
    validation_start = test_start - validation_days
    split = Split(validation_start * SECONDS_PER_DAY, test_start * SECONDS_PER_DAY, end * SECONDS_PER_DAY)
    _check_periods(acts, split)
    return split


def random_split(acts: Interactions, settings: SplitSettings) -> Split:
    """Return the split of interactions that `spread` gave their times.

    Raises:
        TrainingError: A period has no positive interaction.
    """
    end = PSEUDO_DAYS * SECONDS_PER_DAY
    period = round(settings.random_share * end)
    split = Split(end - 2 * period, end - period, end, has_time=False)
    _check_periods(acts, split)
    return split


def spread(acts: Interactions, seed: int) -> Interactions:
    """Give interactions [n] seeded random times, evenly over 100 days from 1970 on."""
    places = np.random.default_rng(seed).permutation(len(acts))
    seconds = places * (PSEUDO_DAYS * SECONDS_PER_DAY) // len(acts)
    return Interactions(acts.user_rows, acts.track_rows, seconds, acts.strengths, acts.sessions)


def _test_days(counts: npt.NDArray[np.int64]) -> int:
    """Choose the length of the test period from counts [num_days] of interactions, the newest day first."""
    if len(counts) >= FULL_DAYS and bool((counts[:FULL_DAYS] > 0).all()):
        return WEEK_DAYS
    return int(np.searchsorted(np.cumsum(counts), TEST_SHARE * counts.sum())) + 1


def _check_periods(acts: Interactions, split: Split) -> None:
    period = np.searchsorted(
        [split.validation_start, split.test_start], acts.seconds[acts.positive], side="right"
    )
    counts = np.bincount(period, minlength=3)
    test_days = (split.end - split.test_start) // SECONDS_PER_DAY
    validation_days = (split.test_start - split.validation_start) // SECONDS_PER_DAY
    if not counts.all():
        raise TrainingError(
            f"Each period needs positive interactions, but of {counts.sum()} there are {counts[0]} to train on, {counts[1]} "
            f"in the validation period ({validation_days} days) and {counts[2]} in the test period ({test_days} days); set "
            "split.test_days and split.validation_days (split.random_share without timestamps), or import more."
        )
