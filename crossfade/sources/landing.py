"""From staged rows to bronze: event ids, and what is there already. Pure functions of ibis tables."""

import ibis
import ibis.expr.types as ir

from crossfade.lake.silver import newest
from crossfade.schema import columns as c
from crossfade.schema.tables import Table
from crossfade.sources.staging import ORDINAL, TIMESTAMP_US

_SEPARATOR = "\x1f"  # ASCII's own unit separator


def event_ids(staged: ir.Table) -> ir.Table:
    """Return `event_id, ordinal` of staged events.

    An event without an id of its own gets the MD5 digest of user, track (artist, of a follow), type, timestamp in microseconds,
    session, played_ms and slate: the same event read again gets the same id. Without a timestamp two plays of a track look alike,
    so that it is the digest of user, track, type and the number of the play within the import.
    """
    again = ibis.row_number().over(
        group_by=[
            staged[name]
            for name in (c.USER_ID, c.TRACK_ID, c.ARTIST_ID, c.EVENT_TYPE, TIMESTAMP_US, c.EVENT_ID)
        ],
        order_by=staged[ORDINAL],
    )
    subject = staged[c.TRACK_ID].coalesce(staged[c.ARTIST_ID])
    who_and_what = [staged[c.USER_ID], subject, staged[c.EVENT_TYPE]]
    timed = [*who_and_what, *(staged[name] for name in (TIMESTAMP_US, c.SESSION_ID, c.PLAYED_MS, c.SLATE_ID))]
    made = staged[TIMESTAMP_US].isnull().ifelse(_digest([*who_and_what, again]), _digest(timed))
    return staged.select(ORDINAL, **{c.EVENT_ID: staged[c.EVENT_ID].coalesce(made)})


def new_events(ids: ir.Table, bronze: ir.Table) -> ir.Table:
    """Return the first `event_id, ordinal` of each event id that bronze does not have."""
    first = ids.group_by(c.EVENT_ID).agg(**{ORDINAL: ids[ORDINAL].min()})
    # Bronze is probed, not held: it may be far larger than the import.
    known = bronze.select(c.EVENT_ID).semi_join(first, c.EVENT_ID)
    return first.anti_join(known, c.EVENT_ID)


def last_of_keys(staged: ir.Table, table: Table) -> ir.Table:
    """Return the key and `ordinal` of the last staged row of each key."""
    return staged.group_by(table.required[0]).agg(**{ORDINAL: staged[ORDINAL].max()})


def changed(staged: ir.Table, last: ir.Table, bronze: ir.Table, table: Table) -> ir.Table:
    """Return the `ordinal` of the rows of `last` that differ from what was imported last under their key."""
    key = table.required[0]
    rows = staged.semi_join(last, ORDINAL).select(*table.schema.names, ORDINAL)
    known = newest(bronze.semi_join(last, key).select(bronze.columns), table)
    same = [rows[name].identical_to(known[name]) for name in table.schema.names if name != key]
    unchanged = rows.inner_join(known, [key, *same]).select(ORDINAL)
    return rows.anti_join(unchanged, ORDINAL).select(ORDINAL)


def _digest(values: list[ir.Value]) -> ir.StringValue:
    texts = [value.cast("string").fill_null("") for value in values]
    return ibis.literal(_SEPARATOR).join(texts).hexdigest("md5")
