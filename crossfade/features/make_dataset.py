"""From the lake's gold tables to the dataset of one training run: ids become rows, and time is split."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Users
from crossfade.features.interactions import Interactions
from crossfade.features.playlists import Playlists
from crossfade.features.skips import SkipHabits
from crossfade.features.time_split import random_split, spread, time_split
from crossfade.lake.lake import GOLD, SILVER, Lake
from crossfade.lake.layout import CATALOGUE, GOLD_SCHEMAS, INTERACTIONS, USER_PROFILES
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError, TrainingError
from crossfade.schema.ids import NO_ROW, IdMap, Rows
from crossfade.schema.settings import Settings
from crossfade.schema.tables import PLAYLISTS, USERS

BATCH_ROWS: Final = 1 << 20
MICROSECONDS: Final = 1_000_000
NO_TIME: Final = np.iinfo(np.int64).min
TABLES: Final = tuple(f"{GOLD}/{name}" for name in (INTERACTIONS, USER_PROFILES, CATALOGUE))
PLAYLISTS_TABLE: Final = f"{SILVER}/{PLAYLISTS.name}"

_log = logging.getLogger(__name__)


def make_dataset(lake: Lake, settings: Settings, versions: Mapping[str, int] | None = None) -> Dataset:
    """Read the dataset of a training run.

    Users are all that the lake knows, sorted by id; interactions are sorted by user, then time, and each without a session is
    one of its own. Where no event has a timestamp, times are seeded random positions over 100 days, which later imports do not
    move; the last `split.random_share` of the days is the test period, and release dates and playlists are left out, since no
    moment can be held against them. Where only some have none, those are left out. Both is logged; so are playlists without one.
    Strengths of skips are corrected by habits learnt before the validation period (`skips.SkipHabits`).

    Args:
        lake: A refreshed lake.
        settings: `split`, `skips` and `seed` are read.
        versions: Lake versions to read, as {"gold/interactions": 3, ...}; what is not named is read at its newest.

    Returns:
        The dataset; its `lake` and `lake_versions` name what was read.

    Raises:
        NotFoundError: The lake has not been refreshed, or lacks a version.
        IntegrityError: The versions do not belong together.
        TrainingError: There is no user, no positive interaction, or not enough time to split.
    """
    given = versions or {}
    optional = (PLAYLISTS_TABLE,) if lake.has(SILVER, PLAYLISTS.name) else ()
    pinned = {table: given.get(table, _newest(lake, table)) for table in (*TABLES, *optional)}
    catalogue = Catalogue(_sorted(lake, CATALOGUE, c.TRACK_ID, pinned))
    users = Users(_sorted(lake, USER_PROFILES, c.USER_ID, pinned).select(USERS.schema.names))
    acts = _interactions(lake, users.ids, catalogue.tracks, pinned)
    _require_something(users, acts)
    acts, has_time = _timed(acts, users.ids, catalogue.tracks, settings.seed)
    catalogue = catalogue if has_time else _undated(catalogue)
    split = time_split(acts, settings.split) if has_time else random_split(acts, settings.split)
    playlists = _playlists(lake, catalogue.tracks, pinned) if has_time else Playlists.none()
    acts = _numbered(acts)
    if settings.skips.correct:
        acts = SkipHabits.of(acts.where(acts.seconds < split.validation_start)).corrected(acts)
    return Dataset(catalogue, users, acts, split, pinned, lake.id, playlists)


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


def _undated(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue without release dates: beside random times all of them would lie in the future."""
    table = catalogue.table
    place = table.schema.get_field_index(c.RELEASE_DATE)
    field = table.schema.field(place)
    return Catalogue(table.set_column(place, field, pa.nulls(len(table), field.type)))


def _newest(lake: Lake, table: str) -> int:
    layer, _, name = table.partition("/")
    lake.dataset(layer, name)  # tells what to do where the table is missing
    return lake.version(layer, name) or 0


def _sorted(lake: Lake, name: str, key: str, pinned: Mapping[str, int]) -> pa.Table:
    rows = lake.read(GOLD, name, pinned[f"{GOLD}/{name}"]).cast(GOLD_SCHEMAS[name])
    return rows.take(pc.sort_indices(rows.column(key))).combine_chunks()


def _playlists(lake: Lake, tracks: IdMap, pinned: Mapping[str, int]) -> Playlists:
    if PLAYLISTS_TABLE not in pinned:
        return Playlists.none()
    table = lake.read(SILVER, PLAYLISTS.name, pinned[PLAYLISTS_TABLE])
    playlists = Playlists.of(table, tracks)
    if len(playlists) < len(table):
        _log.warning(
            "%d of %d playlists have no timestamp: they are left out.",
            len(table) - len(playlists),
            len(table),
        )
    return playlists


def _interactions(lake: Lake, users: IdMap, tracks: IdMap, pinned: Mapping[str, int]) -> Interactions:
    """Read interactions by batches, so that the ids of all of them never stand in memory at once."""
    dataset = lake.dataset(GOLD, INTERACTIONS, pinned[f"{GOLD}/{INTERACTIONS}"])
    no_rows = pa.RecordBatch.from_pylist([], GOLD_SCHEMAS[INTERACTIONS])
    parts, sessions = [], []
    for batch in (no_rows, *dataset.to_batches(batch_size=BATCH_ROWS)):
        parts.append(_rows(batch, users, tracks, pinned))
        sessions.append(batch.column(c.SESSION_ID).dictionary_encode())
    user_rows, track_rows, seconds, strengths = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Interactions(user_rows, track_rows, seconds, strengths, _codes(sessions))


def _rows(
    batch: pa.RecordBatch, users: IdMap, tracks: IdMap, pinned: Mapping[str, int]
) -> tuple[Rows, Rows, npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    user_rows, track_rows = users.rows(batch.column(c.USER_ID)), tracks.rows(batch.column(c.TRACK_ID))
    if min(user_rows.min(initial=0), track_rows.min(initial=0)) < 0:
        raise IntegrityError(
            f"gold/{INTERACTIONS} names users or tracks that the other tables lack: the versions {dict(pinned)} do not belong "
            "together; pin versions of one refresh, or none."
        )
    microseconds = pc.fill_null(batch.column(c.TIMESTAMP).cast(pa.int64()), int(NO_TIME)).to_numpy()
    seconds = np.where(microseconds == NO_TIME, NO_TIME, microseconds // MICROSECONDS)
    return user_rows, track_rows, seconds, batch.column(c.STRENGTH).to_numpy()


def _codes(batches: list[pa.DictionaryArray]) -> Rows:
    """Return one int32 code per distinct text over all batches, and one of its own for each missing text."""
    unified = pa.chunked_array(batches).unify_dictionaries()
    codes = np.concatenate([pc.fill_null(chunk.indices, NO_ROW).to_numpy() for chunk in unified.chunks])
    missing = codes == NO_ROW
    codes[missing] = codes.max(initial=0) + 1 + np.arange(missing.sum())
    return codes.astype(np.int32)


def _timed(acts: Interactions, users: IdMap, tracks: IdMap, seed: int) -> tuple[Interactions, bool]:
    """Give every interaction a time and sort by user, then time; say whether the times are true."""
    is_timed = acts.seconds != NO_TIME
    if not is_timed.any():
        _log.warning(
            "No interaction has a timestamp: the split is random by seed; recency, release dates and playlists are "
            "switched off (%d interactions).",
            len(acts),
        )
        by_track = _ordered(replace(acts, seconds=np.zeros(len(acts), np.int64)))
        return _ordered(spread(by_track, users, tracks, seed)), False
    if not is_timed.all():
        num_untimed = int((~is_timed).sum())
        _log.warning(
            "%d interactions have no timestamp, %d do: those without are left out.",
            num_untimed,
            is_timed.sum(),
        )
    return _ordered(acts.where(is_timed)), True


def _ordered(acts: Interactions) -> Interactions:
    # Two packed keys sort twice as fast as four. Seconds fit into 32 bits until 2106; tracks and strengths only break ties, so
    # that equal lakes give equal datasets, whatever the order of their files.
    user_and_time = acts.user_rows.astype(np.int64) << 32 | acts.seconds
    tie = acts.track_rows.astype(np.int64) << 32 | acts.strengths.view(np.uint32)
    order = np.lexsort((tie, user_and_time))
    return acts.where(order)


def _numbered(acts: Interactions) -> Interactions:
    """Number sessions from 0 in the order of their first interaction; one user's session is never another's."""
    keys = acts.user_rows.astype(np.int64) << 32 | acts.sessions.astype(np.int64)
    _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    numbers = np.empty(len(first), np.int32)
    numbers[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return Interactions(acts.user_rows, acts.track_rows, acts.seconds, acts.strengths, numbers[codes])
