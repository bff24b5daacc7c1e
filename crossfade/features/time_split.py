"""Where time is split into training, validation and test; never at random where there is time."""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Split
from crossfade.features.interactions import SECONDS_PER_DAY, Int64s, Interactions
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import IdMap
from crossfade.schema.settings import SplitSettings

UInt64s = npt.NDArray[np.uint64]

FULL_DAYS: Final = 28  # newest days that must all have interactions for a period of a week ...
WEEK_DAYS: Final = 7
PERIOD_SHARE: Final = 0.05  # ... else it has at least this share of all
TRAIN_SHARE: Final = 0.5  # days are too coarse where they leave less than this to train on
PSEUDO_DAYS: Final = 100  # over which interactions without time are spread


def time_split(acts: Interactions, settings: SplitSettings) -> Split:
    """Choose the moments of the split; the test period ends with the newest interaction.

    Periods begin at midnight UTC. A length of 0 days chooses 7 where the 28 days before the period's end all have
    interactions, else the fewest days that have 5 % of them. Where both are chosen and leave less than half to train on, the
    moments are those that part off `random_share` of the interactions for each period, still in the order of time.

    Args:
        acts: At least one interaction, in any order.
        settings: Lengths.

    Raises:
        TrainingError: One of the three periods has no positive interaction.
    """
    seconds = acts.seconds
    end = int(seconds.max()) + 1
    midnight = -(-end // SECONDS_PER_DAY) * SECONDS_PER_DAY
    test_start = midnight - (settings.test_days or _period_days(seconds, midnight)) * SECONDS_PER_DAY
    validation_days = settings.validation_days or _period_days(seconds, test_start)
    validation_start = test_start - validation_days * SECONDS_PER_DAY
    is_chosen = not settings.test_days and not settings.validation_days
    if is_chosen and np.mean(seconds < validation_start) < TRAIN_SHARE:
        shares = [1 - 2 * settings.random_share, 1 - settings.random_share]
        validation_start, test_start = (int(moment) for moment in np.quantile(seconds, shares))
    split = Split(validation_start, test_start, end)
    check_periods(acts, split)
    return split


def random_split(acts: Interactions, settings: SplitSettings) -> Split:
    """Return the split of interactions that `spread` gave their times.

    Raises:
        TrainingError: A period has no positive interaction.
    """
    split = random_periods(settings)
    check_periods(acts, split)
    return split


def random_periods(settings: SplitSettings) -> Split:
    """Return the periods of times that mean nothing: 100 days, the last of them by `random_share`."""
    end = PSEUDO_DAYS * SECONDS_PER_DAY
    period = round(settings.random_share * end)
    return Split(end - 2 * period, end - period, end, has_time=False)


def validation_start(seconds: Int64s, test_start: int, settings: SplitSettings) -> int:
    """Choose the moment that parts validation from training where the test period is given.

    The rules are those of `time_split`.

    Args:
        seconds: [n] int64 of the interactions before the test period, n > 0.
        test_start: UTC seconds.
        settings: Lengths.
    """
    days = settings.validation_days or _period_days(seconds, test_start)
    start = test_start - days * SECONDS_PER_DAY
    if not settings.validation_days and np.mean(seconds < start) < TRAIN_SHARE:
        return int(np.quantile(seconds, 1 - settings.random_share))
    return start


def spread(acts: Interactions, users: IdMap, tracks: IdMap, seed: int) -> Interactions:
    """Give interactions [n] seeded random times, about evenly over 100 days from 1970 on.

    A time follows from the ids of user and track and the seed, and from nothing else: what is imported later moves no
    earlier interaction into another period, and all plays of a track by a user are in one period, since a test pair that
    was known before could not be judged.

    Args:
        acts: In any order.
        users: Of `user_rows`.
        tracks: Of `track_rows`.
        seed: Another seed gives other times.
    """
    hashes = np.array([seed % 2**64], np.uint64)
    for keys in (_hashed(users)[acts.user_rows], _hashed(tracks)[acts.track_rows]):
        hashes = _mixed(hashes ^ keys)
    seconds = (hashes % np.uint64(PSEUDO_DAYS * SECONDS_PER_DAY)).astype(np.int64)
    return replace(acts, seconds=seconds)


def _hashed(ids: IdMap) -> UInt64s:
    import pandas as pd  # here alone: the splits that have time start faster without it

    return pd.util.hash_array(ids.ids.to_numpy(zero_copy_only=False), categorize=False)


def _mixed(keys: UInt64s) -> UInt64s:
    """Mix the bits of each key [n]: the finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def _period_days(seconds: Int64s, end: int) -> int:
    """Choose the length of a period that ends at a midnight."""
    days_ago = (end - 1 - seconds[seconds < end]) // SECONDS_PER_DAY
    counts: npt.NDArray[np.int64] = np.bincount(days_ago)
    if len(counts) >= FULL_DAYS and counts[:FULL_DAYS].all():
        return WEEK_DAYS
    return int(np.searchsorted(np.cumsum(counts), PERIOD_SHARE * len(seconds))) + 1


def check_periods(acts: Interactions, split: Split) -> None:
    """Refuse a split of which a period has nothing to learn from or to be judged by.

    Raises:
        TrainingError: A period has no positive interaction.
    """
    moments = acts.seconds[acts.positive]
    counts = np.bincount(
        np.searchsorted([split.validation_start, split.test_start], moments, side="right"), minlength=3
    )
    if not counts.all():
        days = (int(acts.seconds.max()) - int(acts.seconds.min())) / SECONDS_PER_DAY
        setting = "split.test_days and split.validation_days" if split.has_time else "split.random_share"
        raise TrainingError(
            f"A split needs positive interactions in every period, but training has {counts[0]}, validation has {counts[1]}, "
            f"test has {counts[2]} of the {counts.sum()} over {days:.1f} days; set {setting}, or import more events."
        )
