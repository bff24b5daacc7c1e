"""Whose pseudonyms are whose: for people who look into a lake of their own, with its key at hand."""

from collections.abc import Iterable, Iterator
from typing import Final

from crossfade.lake.lake import BRONZE, Lake
from crossfade.lake.layout import BOT_LISTS
from crossfade.schema import columns as c
from crossfade.schema.tables import TABLES
from crossfade.schema.user_keys import lake_keys

# Bronze tables that name users.
PEOPLE: Final = (*(table.name for table in TABLES.values() if c.USER_ID in table.schema.names), BOT_LISTS)


def bronze_users(lake: Lake) -> Iterator[str]:
    """Yield the distinct own ids of users that bronze holds, table by table."""
    known: set[str] = set()
    for name in PEOPLE:
        if lake.has(BRONZE, name):
            for batch in lake.dataset(BRONZE, name).to_batches(columns=[c.USER_ID]):
                new = set(batch.column(0).unique().drop_null().to_pylist()) - known
                known |= new
                yield from new


def own_ids(lake: Lake, names: Iterable[str]) -> dict[str, str]:
    """Map names under which users stand in silver and gold to their own ids.

    Args:
        lake: With its key in the environment or beside it; without one, and for names that are no pseudonyms, a name is
            its own id.
        names: Pseudonyms or own ids.
    """
    found = {name: name for name in names}
    if keys := lake_keys(lake.path):
        for user in bronze_users(lake):
            found |= {name: user for name in keys.names(user) if name in found}
    return found
