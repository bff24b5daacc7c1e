"""Gold tables to the dataset of one run: ids become rows, sessions become numbers, time is split."""

import logging
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Split, Users
from crossfade.features.interactions import SECONDS_PER_DAY, Int64s, Interactions
from crossfade.lake import layout
from crossfade.lake.lake import GOLD, Lake
from crossfade.schema import columns as c
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import IdMap, Rows
from crossfade.schema.settings import Settings, SplitSettings
from crossfade.schema.tables import USERS

MICROSECONDS: Final = 1_000_000
# Interactions without timestamps are spread over this many days, so that a day is a share of them.
PSEUDO_DAYS: Final = 100
WEEK_DAYS: Final = 7
STEADY_DAYS: Final = 28
MIN_PERIOD_SHARE: Final = 0.05
MIN_TRAIN_SHARE: Final = 0.5

logger = logging.getLogger(__name__)


def make_dataset(lake: Lake, settings: Settings, versions: Mapping[str, int] | None = None) -> Dataset:
    """Read gold into columns and split it by time.

    Args:
        lake: A refreshed lake.
        settings: `split` and `seed` are read.
        versions: Pins of the gold tables, {"gold/interactions": 3}; those left out are read at their newest.

    Returns:
        All users and tracks of gold; interactions sorted by user, then time.

    Raises:
        NotFoundError: The lake has not been refreshed, or a pinned version is gone.
        TrainingError: No users, no positive interaction, or a split that leaves a period empty.
    """
    given = versions or {}
    pinned = {name: given.get(f"{GOLD}/{name}", lake.version(GOLD, name)) for name in layout.GOLD_SCHEMAS}
    acts = lake.read(GOLD, layout.INTERACTIONS, pinned[layout.INTERACTIONS])
    profiles = lake.read(GOLD, layout.USER_PROFILES, pinned[layout.USER_PROFILES])
    tracks = lake.read(GOLD, layout.CATALOGUE, pinned[layout.CATALOGUE])
    users = Users(profiles.select(USERS.schema.names).sort_by(c.USER_ID).combine_chunks())
    catalogue = Catalogue(tracks.sort_by(c.TRACK_ID).combine_chunks())
    timed, has_time = _with_time(acts, settings.seed)
    interactions = _interactions(timed, users.ids, catalogue.tracks)
    _require_something(users, interactions)
    split = _split(interactions.seconds, settings.split, has_time=has_time)
    read = {f"{GOLD}/{name}": version for name, version in pinned.items() if version is not None}
    return Dataset(catalogue, users, interactions, split, read)


def _with_time(acts: pa.Table, seed: int) -> tuple[pa.Table, bool]:
    """Return interactions with a column `seconds`, and whether it is real time."""
    stamps = acts.column(c.TIMESTAMP)
    if stamps.null_count < len(stamps):
        if stamps.null_count:
            logger.warning(
                "%d interactions have no timestamp, others do: these are left out.", stamps.null_count
            )
        known = acts.filter(pc.is_valid(stamps))
        micros = known.column(c.TIMESTAMP).cast(pa.int64()).to_numpy()
        return known.append_column("seconds", pa.array(micros // MICROSECONDS)), True
    logger.warning("No interaction has a timestamp: the split is random by seed, recency is switched off.")
    ordered = acts.sort_by([(c.USER_ID, "ascending"), (c.TRACK_ID, "ascending"), (c.STRENGTH, "ascending")])
    places = np.random.default_rng(seed).permutation(ordered.num_rows)
    seconds = places * (PSEUDO_DAYS * SECONDS_PER_DAY) // max(ordered.num_rows, 1)
    return ordered.append_column("seconds", pa.array(seconds, pa.int64())), False


def _interactions(acts: pa.Table, users: IdMap, tracks: IdMap) -> Interactions:
    user_rows, track_rows = users.rows(acts.column(c.USER_ID)), tracks.rows(acts.column(c.TRACK_ID))
    seconds = acts.column("seconds").to_numpy()
    strengths = acts.column(c.STRENGTH).to_numpy()
    order = np.lexsort((strengths, track_rows, seconds, user_rows))
    sessions = _sessions(user_rows, acts.column(c.SESSION_ID))
    return Interactions(user_rows, track_rows, seconds, strengths, sessions).where(order)


def _sessions(user_rows: Rows, ids: pa.ChunkedArray) -> Rows:
    """Number sessions within users, [n] int32; an interaction without one is a session of its own."""
    codes = ids.combine_chunks().dictionary_encode().indices
    missing = codes.is_null().to_numpy(zero_copy_only=False)
    values = pc.fill_null(codes, 0).to_numpy().astype(np.int64)
    values[missing] = values.max(initial=0) + 1 + np.arange(missing.sum())
    keys = user_rows.astype(np.int64) * (values.max(initial=0) + 1) + values
    return np.unique(keys, return_inverse=True)[1].astype(np.int32)


def _require_something(users: Users, acts: Interactions) -> None:
    if not len(users) or not len(acts):
        raise TrainingError(
            f"Training needs listens of users, but gold has {len(users)} users and {len(acts)} interactions; "
            "import events with: crossfade import events FILE --lake DIR"
        )
    if not acts.positive.any():
        raise TrainingError(
            f"Training needs positive listens, but none of {len(acts)} interactions is one: all are skips by "
            "lake.positive_ms and lake.positive_share: lower them if plays are short by nature."
        )


def _split(seconds: Int64s, settings: SplitSettings, *, has_time: bool) -> Split:
    end = int(seconds.max()) + 1
    if not has_time:
        period = round(settings.random_share * PSEUDO_DAYS * SECONDS_PER_DAY)
        last = PSEUDO_DAYS * SECONDS_PER_DAY
        return _checked(Split(last - 2 * period, last - period, last, has_time=False), seconds)
    midnight = -(-end // SECONDS_PER_DAY) * SECONDS_PER_DAY
    test_start = midnight - (settings.test_days or _period_days(seconds, midnight)) * SECONDS_PER_DAY
    validation_days = settings.validation_days or _period_days(seconds, test_start)
    validation_start = test_start - validation_days * SECONDS_PER_DAY
    chosen_by_user = settings.test_days or settings.validation_days
    if not chosen_by_user and np.mean(seconds < validation_start) < MIN_TRAIN_SHARE:
        # Days are too coarse for so short a time: periods by share of listens, still in the order of time.
        shares = [1 - 2 * settings.random_share, 1 - settings.random_share]
        validation_start, test_start = (int(moment) for moment in np.quantile(seconds, shares))
    return _checked(Split(validation_start, test_start, end), seconds)


def _period_days(seconds: Int64s, midnight: int) -> int:
    """Choose the days of a period that ends at a midnight.

    A week where the four weeks before were steadily listened to, else the fewest days with enough listens.
    """
    ago = (midnight - 1 - seconds[seconds < midnight]) // SECONDS_PER_DAY
    counts: npt.NDArray[np.int64] = np.bincount(ago)
    if len(counts) >= STEADY_DAYS and counts[:STEADY_DAYS].all():
        return WEEK_DAYS
    return int(np.searchsorted(np.cumsum(counts), MIN_PERIOD_SHARE * len(seconds))) + 1


def _checked(split: Split, seconds: Int64s) -> Split:
    edges = {
        "training": (int(seconds.min()), split.validation_start),
        "validation": (split.validation_start, split.test_start),
        "test": (split.test_start, split.end),
    }
    counts = {
        name: int(((seconds >= first) & (seconds < stop)).sum()) for name, (first, stop) in edges.items()
    }
    if not all(counts.values()):
        days = (int(seconds.max()) - int(seconds.min())) / SECONDS_PER_DAY
        raise TrainingError(
            "A split needs listens in every period, but "
            + ", ".join(f"{name} has {count}" for name, count in counts.items())
            + f" of the {len(seconds)} interactions over {days:.1f} days; set split.test_days and "
            "split.validation_days, or import more events."
        )
    return split
