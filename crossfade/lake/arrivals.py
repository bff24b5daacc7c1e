"""When the lake learnt of events: which are back-fills. Pure functions of ibis tables."""

import ibis
import ibis.expr.types as ir

from crossfade.lake.composing import composed
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import LakeSettings


@composed
def live_imports(bronze: ir.Table, settings: LakeSettings) -> ir.Table:
    """Return the moments of import at which the lake was fed as things happened: `imported_at`.

    They are those of which it knew, before, an event of the last `lateness_days`, except in the first `lateness_days` after
    the very first import: that is when a history is loaded, and nothing had been learnt from the lake before. An archive that
    ended long ago is never live, in whatever order its files come.

    Args:
        bronze: Bronze events.
        settings: `lateness_days` is read.
    """
    moments = bronze.group_by(c.IMPORTED_AT).agg(newest=bronze[c.TIMESTAMP].max())
    before = ibis.window(order_by=moments[c.IMPORTED_AT], preceding=(None, 1))
    everywhere = ibis.window()
    moments = moments.mutate(
        known=moments.newest.max().over(before), first=moments[c.IMPORTED_AT].min().over(everywhere)
    )
    is_live = _is_beyond(moments[c.IMPORTED_AT], moments.first, settings) & ~_is_beyond(
        moments[c.IMPORTED_AT], moments.known, settings
    )
    return moments.filter(is_live.fill_null(False)).select(c.IMPORTED_AT)


@composed
def with_arrival(bronze: ir.Table, live: ir.Table, settings: LakeSettings) -> ir.Table:
    """Add `arrived_at` to bronze events: the import's moment where it was live and the event older than `lateness_days` then."""
    moments = live.select(live_at=live[c.IMPORTED_AT])
    rows = bronze.left_join(moments, bronze[c.IMPORTED_AT] == moments.live_at)
    is_late = rows.live_at.notnull() & _is_beyond(rows[c.IMPORTED_AT], rows[c.TIMESTAMP], settings)
    arrived = is_late.fill_null(False).ifelse(rows[c.IMPORTED_AT], ibis.null(rows[c.IMPORTED_AT].type()))
    return rows.mutate(**{c.ARRIVED_AT: arrived}).select(*bronze.columns, c.ARRIVED_AT)


def _is_beyond(moment: ir.TimestampValue, past: ir.TimestampValue, settings: LakeSettings) -> ir.BooleanValue:
    return moment > past + ibis.interval(days=settings.lateness_days)
