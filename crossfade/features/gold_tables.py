"""The gold tables of a lake as columns over rows: catalogue, users, playlists and interactions."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.catalogue import Catalogue
from crossfade.features.follows import Follows
from crossfade.features.interactions import ON_TIME, Floats, Int64s, Interactions
from crossfade.features.playlists import Playlists
from crossfade.features.traits import encoded, situations
from crossfade.lake.lake import GOLD, SILVER, Lake
from crossfade.lake.layout import CATALOGUE, GOLD_SCHEMAS, INTERACTIONS, USER_PROFILES
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import NO_ROW, IdMap, Rows
from crossfade.schema.tables import EVENTS, PLAYLISTS, USERS, EventType

BATCH_ROWS: Final = 1 << 20
MICROSECONDS: Final = 1_000_000
NO_TIME: Final = np.iinfo(np.int64).min
TABLES: Final = tuple(f"{GOLD}/{name}" for name in (INTERACTIONS, USER_PROFILES, CATALOGUE))
PLAYLISTS_TABLE: Final = f"{SILVER}/{PLAYLISTS.name}"
EVENTS_TABLE: Final = f"{SILVER}/{EVENTS.name}"

Versions = Mapping[str, int]

_log = logging.getLogger(__name__)


def pinned_versions(lake: Lake, given: Versions | None = None) -> dict[str, int]:
    """Return the version to read of each table, as {"gold/interactions": 3, ...}: a given one, else the newest.

    Raises:
        NotFoundError: The lake has not been refreshed.
    """
    chosen = given or {}
    optional = [f"{SILVER}/{table.name}" for table in (PLAYLISTS, EVENTS) if lake.has(SILVER, table.name)]
    return {table: chosen.get(table, _newest(lake, table)) for table in (*TABLES, *optional)}


def _newest(lake: Lake, table: str) -> int:
    layer, _, name = table.partition("/")
    lake.dataset(layer, name)  # tells what to do where the table is missing
    return lake.version(layer, name) or 0


def read_catalogue(lake: Lake, pinned: Versions) -> pa.Table:
    """Return the catalogue, sorted by track id."""
    return _sorted(lake, CATALOGUE, c.TRACK_ID, pinned)


def read_users(lake: Lake, pinned: Versions, only: pa.Array | None = None) -> pa.Table:
    """Return the canonical columns of all users, or of those with some ids only, sorted by user id."""
    return _sorted(lake, USER_PROFILES, c.USER_ID, pinned, _of(only)).select(USERS.schema.names)


def _of(only: pa.Array | None) -> pc.Expression | None:
    return None if only is None else pc.field(c.USER_ID).isin(only)


def _sorted(lake: Lake, name: str, key: str, pinned: Versions, kept: pc.Expression | None = None) -> pa.Table:
    dataset = lake.dataset(GOLD, name, pinned[f"{GOLD}/{name}"])
    rows = dataset.to_table(filter=kept).cast(GOLD_SCHEMAS[name])
    return rows.take(pc.sort_indices(rows.column(key))).combine_chunks()


def read_playlists(lake: Lake, tracks: IdMap, pinned: Versions) -> Playlists:
    """Return the playlists that have a timestamp; how many have none is logged."""
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


def read_follows(
    lake: Lake, users: IdMap, catalogue: Catalogue, pinned: Versions, only: pa.Array | None = None
) -> Follows:
    """Return whom people follow, by the lake's follow events; bots' do not count, and others than `only` are not read."""
    if EVENTS_TABLE not in pinned:
        return Follows.none()
    events = lake.dataset(SILVER, EVENTS.name, pinned[EVENTS_TABLE])
    kept = (pc.field(c.EVENT_TYPE) == str(EventType.FOLLOW)) & ~pc.field(c.IS_BOT)
    kept = kept if only is None else kept & _of(only)
    return Follows.of(
        events.to_table(columns=[c.USER_ID, c.TRACK_ID, c.ARTIST_ID, c.TIMESTAMP], filter=kept),
        users,
        catalogue,
    )


def read_interactions(
    lakes: Sequence[tuple[Lake, Versions]], users: IdMap, tracks: IdMap, only: pa.Array | None = None
) -> tuple[list[Interactions], IdMap]:
    """Return the interactions of each lake, in no order, and the names of all their traits; with `only`, of these users.

    `seconds` are `NO_TIME` where there is no timestamp. Interactions are read by batches, so that the ids of all of them
    never stand in memory at once.

    Raises:
        IntegrityError: The versions of a lake do not belong together.
    """
    read, situated = [], []
    for lake, pinned in lakes:
        acts, named = _read_lake(lake, users, tracks, pinned, only)
        read.append(acts)
        situated += named
    codes, traits = encoded(situated)
    if codes is None:
        return read, traits
    edges = np.cumsum([len(acts) for acts in read])[:-1]
    parts = zip(read, np.split(codes, edges), strict=True)
    return [replace(acts, situations=part) for acts, part in parts], traits


def _read_lake(
    lake: Lake, users: IdMap, tracks: IdMap, pinned: Versions, only: pa.Array | None
) -> tuple[Interactions, list[list[pa.DictionaryArray]]]:
    """Return the interactions without their situations, and these by name for each batch."""
    dataset = lake.dataset(GOLD, INTERACTIONS, pinned[f"{GOLD}/{INTERACTIONS}"])
    no_rows = pa.RecordBatch.from_pylist([], GOLD_SCHEMAS[INTERACTIONS])
    parts, sessions, situated = [], [], []
    for batch in (no_rows, *dataset.to_batches(batch_size=BATCH_ROWS, filter=_of(only))):
        parts.append(_rows(batch, users, tracks, pinned))
        sessions.append(batch.column(c.SESSION_ID).dictionary_encode())
        situated.append(situations(batch))
    user_rows, track_rows, seconds, strengths, arrivals = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    acts = Interactions(user_rows, track_rows, seconds, strengths, _codes(sessions))
    return (replace(acts, arrivals=arrivals) if (arrivals != ON_TIME).any() else acts), situated


def _rows(
    batch: pa.RecordBatch, users: IdMap, tracks: IdMap, pinned: Versions
) -> tuple[Rows, Rows, Int64s, Floats, Int64s]:
    user_rows, track_rows = users.rows(batch.column(c.USER_ID)), tracks.rows(batch.column(c.TRACK_ID))
    if min(user_rows.min(initial=0), track_rows.min(initial=0)) < 0:
        raise IntegrityError(
            f"gold/{INTERACTIONS} names users or tracks that the other tables lack: the versions {dict(pinned)} do not belong "
            "together; pin versions of one refresh, or none."
        )
    seconds, arrivals = (_seconds(batch.column(name)) for name in (c.TIMESTAMP, c.ARRIVED_AT))
    return user_rows, track_rows, seconds, batch.column(c.STRENGTH).to_numpy(), arrivals


def _seconds(moments: pa.Array) -> Int64s:
    """Return UTC seconds, `NO_TIME` (which is `ON_TIME`, too) where there is none."""
    microseconds = pc.fill_null(moments.cast(pa.int64()), int(NO_TIME)).to_numpy()
    return np.where(microseconds == NO_TIME, NO_TIME, microseconds // MICROSECONDS)


def _codes(batches: list[pa.DictionaryArray]) -> Rows:
    """Return one int32 code per distinct text over all batches, and one of its own for each missing text."""
    unified = pa.chunked_array(batches).unify_dictionaries()
    codes = np.concatenate([pc.fill_null(chunk.indices, NO_ROW).to_numpy() for chunk in unified.chunks])
    missing = codes == NO_ROW
    codes[missing] = codes.max(initial=0) + 1 + np.arange(missing.sum())
    return codes.astype(np.int32)


def ordered(acts: Interactions) -> Interactions:
    """Return interactions sorted by user, then time."""
    # Two packed keys sort twice as fast as four. Seconds fit into 32 bits until 2106; tracks and strengths only break ties, so
    # that equal lakes give equal datasets, whatever the order of their files.
    user_and_time = acts.user_rows.astype(np.int64) << 32 | acts.seconds
    tie = acts.track_rows.astype(np.int64) << 32 | acts.strengths.view(np.uint32)
    order = np.lexsort((tie, user_and_time))
    return acts.where(order)


def numbered(acts: Interactions) -> Interactions:
    """Number sessions from 0 in the order of their first interaction; one user's session is never another's."""
    keys = acts.user_rows.astype(np.int64) << 32 | acts.sessions.astype(np.int64)
    _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    numbers = np.empty(len(first), np.int32)
    numbers[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return replace(acts, sessions=numbers[codes])


def undated(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue without release dates: beside random times all of them would lie in the future."""
    table = catalogue.table
    place = table.schema.get_field_index(c.RELEASE_DATE)
    field = table.schema.field(place)
    return Catalogue(table.set_column(place, field, pa.nulls(len(table), field.type)))
