"""Takes people out of stored features: of their history in gold, and of every generation of the online store."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.definitions import USER
from crossfade.features.packing import keys_of
from crossfade.lake.lake import GOLD, Lake
from crossfade.schema import columns as c
from crossfade.store.features import FAMILY, FeatureStore
from crossfade.store.materialise import GENERATION
from crossfade.store.rows import RowReader

COPIED_AT_ONCE: Final = 10_000


def forget_features(lake: Lake, store: FeatureStore | None, names: Collection[str]) -> dict[str, int]:
    """Remove the stored features of people.

    Earlier versions of the gold table keep their rows until it is vacuumed. Counts of tracks and artists keep what the
    people added to them until the next `materialise`. A generation is written anew under its name.

    Args:
        lake: Whose writer lock the caller does not hold.
        store: The online features, None where nothing was stored.
        names: Under which people may stand.

    Returns:
        {"gold/user_features" or generation: rows removed}; places that knew none of them are left out.

    Raises:
        InputError: Another process is writing to the lake or to the store.
    """
    removed = {f"{GOLD}/{USER.table}": _forget_history(lake, names)}
    if store is not None:
        for about in store.rows.generations(FAMILY):
            removed[about.name] = _forget_online(store, about.name, names)
    return {place: count for place, count in removed.items() if count}


def _forget_history(lake: Lake, names: Collection[str]) -> int:
    if not lake.has(GOLD, USER.table):
        return 0
    with lake.writing():
        rows = lake.read(GOLD, USER.table)
        kept = rows.filter(
            pc.invert(pc.is_in(rows.column(c.USER_ID), value_set=pa.array(names, pa.string())))
        )
        if kept.num_rows < rows.num_rows:
            # The commit says what the newest rows are of, so that they are not added again.
            about = {GENERATION: str(lake.history(GOLD, USER.table)[0].get(GENERATION, ""))}
            lake.overwrite(GOLD, USER.table, kept, about)
    return int(rows.num_rows - kept.num_rows)


def _forget_online(store: FeatureStore, generation: str, names: Collection[str]) -> int:
    reader = store.rows.reader(FAMILY, generation)
    keys = keys_of(USER, [list(names)])
    count = sum(value is not None for value in reader.values(keys))
    if count:
        kept = list(_batches(reader, set(keys)))  # before the generation is written anew
        about = reader.generation
        with store.rows.begin(replace(about, num_users=about.num_users - count)) as writer:
            for batch in kept:
                writer.put_values(batch)
    return count


def _batches(reader: RowReader, without: Collection[bytes]) -> Iterator[dict[bytes, bytes]]:
    rows = ((key, value) for key, value in reader.items() if key not in without)
    while batch := dict(islice(rows, COPIED_AT_ONCE)):
        yield batch
