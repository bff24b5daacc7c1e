"""Takes people out of stored features: of their history in gold, and of every generation of the online stores."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.definitions import USER
from crossfade.features.packing import keys_of
from crossfade.lake.lake import GOLD, Lake
from crossfade.schema import columns as c
from crossfade.store.features import FAMILY, FeatureStore
from crossfade.store.materialise import GENERATION
from crossfade.store.rows import LONGEST_KEY_BYTES


def keys_of_users(names: Collection[str]) -> list[bytes]:
    """Return the keys under which online features of people may stand; a name that no store can hold has none."""
    return [key for key in keys_of(USER, [list(names)]) if len(key) <= LONGEST_KEY_BYTES]


def forget_online(store: FeatureStore, names: Collection[str]) -> dict[str, int]:
    """Remove the online features of people from every generation, which keeps its name.

    Counts of tracks and artists keep what the people added to them until the next `materialise`.

    Returns:
        {generation: rows removed} of those that had some.

    Raises:
        InputError: Another process is writing to the store.
    """
    return store.rows.erase_rows(FAMILY, keys_of_users(names))


def forget_history(lake: Lake, names: Collection[str]) -> int:
    """Remove the stored features of people from gold, and return how many rows went; earlier versions of the table keep them.

    Args:
        lake: Whose writer lock the caller does not hold.
        names: Under which people may stand.

    Raises:
        InputError: Another process is writing to the lake.
    """
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
