"""From the lake's gold tables to the dataset of one training run: ids become rows, and time is split."""

import logging

import pyarrow as pa

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Split, Users
from crossfade.features.follows import Follows
from crossfade.features.gold_tables import (
    NO_TIME,
    Versions,
    numbered,
    ordered,
    pinned_versions,
    read_catalogue,
    read_follows,
    read_interactions,
    read_playlists,
    read_users,
    undated,
)
from crossfade.features.interactions import Interactions
from crossfade.features.playlists import Playlists
from crossfade.features.skips import SkipHabits
from crossfade.features.time_split import random_split, spread, time_split
from crossfade.lake.lake import Lake
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import IdMap
from crossfade.schema.settings import Settings

_log = logging.getLogger(__name__)


def make_dataset(
    lake: Lake,
    settings: Settings,
    versions: Versions | None = None,
    *,
    split: Split | None = None,
    only: pa.Array | None = None,
) -> Dataset:
    """Read the dataset of a training run.

    Users are all that the lake knows, sorted by id; interactions are sorted by user, then time, and each without a session is
    one of its own. Where no event has a timestamp, or all have the same one, times are seeded random positions over 100 days,
    which later imports do not move; the last `split.random_share` of the days is the test period, and release dates and
    playlists are left out, since no moment can be held against them. Where only some have none, those are left out. Both is
    logged; so are playlists without one, and follows are left out likewise. Strengths
    of skips are corrected by habits learnt before the validation period
    (`skips.SkipHabits`).

    Args:
        lake: A refreshed lake.
        settings: `split`, `skips` and `seed` are read.
        versions: Lake versions to read, as {"gold/interactions": 3, ...}; what is not named is read at its newest.
        split: Of a bundle, to count as it was trained; None splits by what the lake holds now.
        only: Ids of users whose rows alone are read, without anybody's playlists: enough to ask for these users, not to train.

    Returns:
        The dataset; its `lake` and `lake_versions` name what was read.

    Raises:
        NotFoundError: The lake has not been refreshed, or lacks a version.
        IntegrityError: The versions do not belong together.
        TrainingError: There is no user, no positive interaction, or not enough time to split.
    """
    pinned = pinned_versions(lake, versions)
    catalogue, users = Catalogue(read_catalogue(lake, pinned)), Users(read_users(lake, pinned, only))
    (acts,), traits = read_interactions([(lake, pinned)], users.ids, catalogue.tracks, only)
    _require_something(users, acts)
    acts, has_time = _timed(acts, users.ids, catalogue.tracks, settings.seed)
    catalogue = catalogue if has_time else undated(catalogue)
    if split is None:
        split = time_split(acts, settings.split) if has_time else random_split(acts, settings.split)
    is_whole = has_time and only is None
    playlists = read_playlists(lake, catalogue.tracks, pinned) if is_whole else Playlists.none()
    follows = read_follows(lake, users.ids, catalogue, pinned, only) if has_time else Follows.none()
    acts = numbered(acts)
    if settings.skips.correct:
        acts = SkipHabits.of(acts.where(acts.known_before(split.validation_start))).corrected(acts)
    return Dataset(catalogue, users, acts, split, pinned, lake.id, playlists, traits, follows)


def _require_something(users: Users, acts: Interactions) -> None:
    if not len(users) or not len(acts):
        raise TrainingError(
            f"Training needs listens of users, but gold has {len(users)} users and {len(acts)} interactions; "
            "import events with: crossfade import events FILE --lake DIR"
        )
    if not acts.positive.any():
        raise TrainingError(
            f"Training needs positive listens, but none of {len(acts)} interactions is one: all are skips by "
            "lake.positive_ms and lake.positive_share; lower them if plays are short by nature."
        )


def _timed(acts: Interactions, users: IdMap, tracks: IdMap, seed: int) -> tuple[Interactions, bool]:
    """Give every interaction a time and sort by user, then time; say whether the times are true."""
    is_timed = acts.seconds != NO_TIME
    if acts.seconds.min() == acts.seconds.max():
        _log.warning(
            "%s: the split is random by seed; recency and release dates are switched off (%d interactions).",
            "All interactions have one timestamp" if is_timed.any() else "No interaction has a timestamp",
            len(acts),
        )
        return ordered(spread(acts, users, tracks, seed)), False
    if not is_timed.all():
        num_untimed = int((~is_timed).sum())
        _log.warning(
            "%d interactions have no timestamp, %d do: those without are left out.",
            num_untimed,
            is_timed.sum(),
        )
    return ordered(acts.where(is_timed)), True
