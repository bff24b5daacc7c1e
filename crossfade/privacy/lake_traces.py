"""A person in the lake: found, and taken out of every table, its earlier versions and its log."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from crossfade.lake.build import refresh
from crossfade.lake.forgetting import delete_user, keep_rows, settle, table_digest
from crossfade.lake.lake import BRONZE, GOLD, QUARANTINE, SILVER, Lake
from crossfade.privacy.receipt import Erased
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings
from crossfade.schema.user_keys import UserKeys

Note = Callable[[Erased], None]


def rows_of(lake: Lake, table: str, names: list[str]) -> pa.Table | None:
    """Return a person's rows of a table, None where it knows no users.

    Args:
        lake: Any.
        table: "layer/name".
        names: Under which the person may stand. Quarantine is searched for their own id, the last, in what was refused.
    """
    layer, _, name = table.partition("/")
    dataset = lake.dataset(layer, name)
    if layer == QUARANTINE:
        rows = lake.read(layer, name)
        return rows.filter(_holding(rows, names[-1]))
    if c.USER_ID not in dataset.schema.names:
        return None
    return dataset.to_table(filter=pc.field(c.USER_ID).isin(pa.array(names, pa.string())))


def erase_from_lake(lake: Lake, user_id: str, keys: UserKeys, settings: Settings, note: Note) -> None:
    """Remove a person; doing it again finds nothing and settles what was left unsettled.

    Bronze loses their rows, quarantine what mentions them; silver and gold are made anew of the rest. Of every table only the
    newest version stays.

    Args:
        lake: With no stream at work (`Lake.without_streams`).
        user_id: The person's own id.
        keys: All under whose pseudonyms they may stand.
        settings: With which silver and gold are made.
        note: Told of each table that is done.

    Raises:
        InputError: Another process is writing to the lake.
    """
    tables = list(lake.versions())
    counts = {table: len(rows_of(lake, table, keys.names(user_id)) or ()) for table in tables}
    found = {
        table: Erased(table, "rows", counts[table], table_digest(lake, *table.split("/"))) for table in tables
    }
    for each in found.values():
        note(each)
    received = [table for table in tables if table.startswith((BRONZE, QUARANTINE))]
    with lake.writing():
        for table in received:
            _erase_received(lake, table, user_id)
            settle(lake, *table.split("/"))
    if len(received) < len(tables):
        refresh(lake, settings)
    with lake.writing():
        for table in tables:
            layer, name = table.split("/")
            if layer in (SILVER, GOLD):
                settle(lake, layer, name)
            note(replace(found[table], after=table_digest(lake, layer, name)))


def _erase_received(lake: Lake, table: str, user_id: str) -> None:
    layer, name = table.split("/")
    if layer == QUARANTINE:
        keep_rows(lake, layer, name, lambda rows: pc.invert(_holding(rows, user_id)))
    elif c.USER_ID in lake.dataset(layer, name).schema.names:
        delete_user(lake, layer, name, user_id)


def _holding(rows: pa.Table, user_id: str) -> pa.Array:
    """Return [n] bool: refused rows that hold an id as a whole word, as it is or as JSON writes it."""
    found = mentions(user_id)
    return pa.array([bool(found.search(raw or "")) for raw in rows.column(c.RAW).to_pylist()], pa.bool_())


def mentions(*names: str) -> re.Pattern[str]:
    """Return a pattern that finds names as whole words, as they are or as JSON writes them."""
    forms = {form for name in names for form in (name, json.dumps(name)[1:-1])}
    either = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
    return re.compile(rf"(?<![\w-])(?:{either})(?![\w-])")
