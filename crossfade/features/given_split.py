"""A split that somebody else made: training, validation and test interactions of their own, laid out over time."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Split, Users
from crossfade.features.follows import Follows
from crossfade.features.gold_tables import (
    NO_TIME,
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
from crossfade.features.time_split import check_periods, random_periods, spread, validation_start
from crossfade.lake.lake import Lake
from crossfade.schema import columns as c
from crossfade.schema.ids import IdMap
from crossfade.schema.settings import Settings, SplitSettings


@dataclass(frozen=True)
class GivenLakes:
    """A refreshed lake for each part of a split; whatever else is known (catalogue, users, playlists) is in `train`."""

    train: Lake
    test: Lake
    valid: Lake | None = None

    @property
    def parts(self) -> list[Lake]:
        """The lakes in the order in which their interactions become known."""
        return [self.train, *([self.valid] if self.valid else []), self.test]


def make_given_dataset(lakes: GivenLakes, settings: Settings) -> Dataset:
    """Return a dataset whose validation and test periods are the given parts.

    Where all interactions have timestamps and each part begins after the one before has ended, times stay as they are.
    Otherwise times only keep the order (and where there are none, give a seeded one): training interactions of every user
    are laid out evenly over the time before the given parts, `has_time` is false, and release dates and playlists are
    left out. Without a validation part, the end of the training interactions is the validation period.

    Args:
        lakes: Parts of the split. Users and tracks are those of all parts; what one part says of them counts before
            what a later one says.
        settings: `split` and `seed` are read.

    Raises:
        TrainingError: A part has no positive interaction.
    """
    pinned = [pinned_versions(lake) for lake in lakes.parts]
    read = list(zip(lakes.parts, pinned, strict=True))
    catalogue = Catalogue(_first_of_each([read_catalogue(*each) for each in read], c.TRACK_ID))
    users = Users(_first_of_each([read_users(*each) for each in read], c.USER_ID))
    parts, traits = read_interactions(read, users.ids, catalogue.tracks)
    parts = _own_sessions(parts)
    if has_time := _in_time(parts):
        split = _true_split(parts, settings.split)
    else:
        split = random_periods(settings.split)
        parts = _placed(parts, split, users.ids, catalogue.tracks, settings.seed)
    acts = numbered(ordered(_joined(parts)))
    check_periods(acts, split)
    playlists = read_playlists(lakes.train, catalogue.tracks, pinned[0]) if has_time else Playlists.none()
    follows = read_follows(lakes.train, users.ids, catalogue, pinned[0]) if has_time else Follows.none()
    if not has_time:
        catalogue = undated(catalogue)
    return Dataset(catalogue, users, acts, split, pinned[0], lakes.train.id, playlists, traits, follows)


def _first_of_each(tables: Sequence[pa.Table], key: str) -> pa.Table:
    """Return the first row of each key over all tables, sorted by key."""
    rows = pa.concat_tables(tables)
    places = pa.table({"key": rows.column(key), "place": np.arange(len(rows))})
    first = places.group_by("key").aggregate([("place", "min")])
    first = first.take(pc.sort_indices(first.column("key")))
    return rows.take(first.column("place_min")).combine_chunks()


def _own_sessions(parts: Sequence[Interactions]) -> list[Interactions]:
    """Give no two parts a session in common."""
    sizes = [int(part.sessions.max(initial=-1)) + 1 for part in parts]
    firsts = np.cumsum([0, *sizes[:-1]]).astype(np.int32)
    return [replace(part, sessions=part.sessions + first) for part, first in zip(parts, firsts, strict=True)]


def _in_time(parts: Sequence[Interactions]) -> bool:
    """Tell whether everything has a time, and each part begins after the one before."""
    if not all(len(part) and part.seconds.min() > NO_TIME for part in parts):
        return False
    ends = [int(part.seconds.max()) for part in parts[:-1]]
    begins = [int(part.seconds.min()) for part in parts[1:]]
    return all(end < begin for end, begin in zip(ends, begins, strict=True))


def _true_split(parts: Sequence[Interactions], settings: SplitSettings) -> Split:
    test_start, end = int(parts[-1].seconds.min()), int(parts[-1].seconds.max()) + 1
    if len(parts) == 3:
        return Split(int(parts[1].seconds.min()), test_start, end)
    return Split(validation_start(parts[0].seconds, test_start, settings), test_start, end)


def _placed(
    parts: Sequence[Interactions], split: Split, users: IdMap, tracks: IdMap, seed: int
) -> list[Interactions]:
    """Lay every part out over its own period."""
    edges = [0, split.validation_start, split.test_start, split.end]
    if len(parts) == 2:
        del edges[1]
    is_timed = all(len(part) and part.seconds.min() > NO_TIME for part in parts)
    return [
        _over(part if is_timed else spread(part, users, tracks, seed), first, last, len(users), seed)
        for part, first, last in zip(parts, edges[:-1], edges[1:], strict=True)
    ]


def _over(part: Interactions, first: int, last: int, num_users: int, seed: int) -> Interactions:
    """Place each user's interactions evenly over [first, last), in their order, at a phase of the user's own."""
    acts = ordered(part)
    counts = np.bincount(acts.user_rows, minlength=num_users)
    starts = np.cumsum(counts) - counts
    places = np.arange(len(acts)) - starts[acts.user_rows]
    phases = np.random.default_rng(seed).random(num_users)
    shares = (places + phases[acts.user_rows]) / counts[acts.user_rows]
    return replace(acts, seconds=first + (shares * (last - first)).astype(np.int64))


def _joined(parts: Sequence[Interactions]) -> Interactions:
    names = [field.name for field in fields(Interactions) if getattr(parts[0], field.name) is not None]
    return Interactions(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
