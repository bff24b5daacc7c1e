"""Rules that tell plays of machines and intruders from those of listeners. Pure functions of ibis tables.

Each returns `HOUR_KEY` of the hours that it holds against an account, `rule`, and `measure`, the figure that told.
Plays themselves are read again only of the few accounts and days whose sums leave the rule possible.
"""

from typing import Final

import ibis
import ibis.expr.types as ir

from crossfade.lake.activity import VISIT_KEY, Habits, held, is_just_over, whole_days, with_artist
from crossfade.lake.composing import composed
from crossfade.lake.portable import bit_count, milliseconds, spread
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import BotSettings, LakeSettings

LOOP: Final = "loop"
METRONOME: Final = "metronome"
ROUND_THE_CLOCK: Final = "round_the_clock"

_DAY: Final = (c.USER_ID, c.DAY)


@composed
def loops(
    plays: ir.Table, hours: ir.Table, tracks: ir.Table, lake: LakeSettings, bots: BotSettings
) -> ir.Table:
    """Find visits whose plays mostly end just over 30 s and mostly are of one artist (or track, where no artist is known).

    A visit is what an account plays in one session, on one device, in one country, on one UTC day. `measure` is its share of
    plays that end just over 30 s.
    """
    visits = hours.group_by(list(VISIT_KEY)).agg(listens=hours.listens.sum(), just_over=hours.just_over.sum())
    share = visits.just_over / visits.listens
    odd = visits.filter((visits.just_over >= bots.loop_plays) & (share >= bots.loop_share))
    short = plays.filter(is_just_over(plays, lake, bots)).semi_join(odd, VISIT_KEY)
    short = with_artist(short, tracks)
    by_artist = short.group_by([*VISIT_KEY, "artist"]).agg(plays=short.count())
    artists = by_artist.group_by(list(VISIT_KEY)).agg(
        concentration=by_artist.plays.max() / by_artist.plays.sum()
    )
    one_sided = artists.filter(artists.concentration >= bots.loop_artist_share).select(*VISIT_KEY)
    odd = odd.mutate(measure=odd.just_over / odd.listens).semi_join(one_sided, VISIT_KEY)
    return held(hours.inner_join(odd.select(*VISIT_KEY, "measure"), VISIT_KEY), LOOP)


@composed
def metronomes(plays: ir.Table, hours: ir.Table, bots: BotSettings) -> ir.Table:
    """Find days on which plays start at even intervals that no music explains.

    Even intervals alone are no proof, since one track on repeat has them too: they must be shorter than a track, or the plays
    must leave most of each interval silent. `measure` is the intervals' standard deviation over their mean.
    """
    days = hours.group_by(list(_DAY)).agg(listens=hours.listens.sum())
    busy = plays.semi_join(days.filter(days.listens >= bots.metronome_plays), _DAY)
    order = [busy[name] for name in (c.TIMESTAMP, c.TRACK_ID, c.PLAYED_MS)]
    in_order = ibis.window(group_by=[busy[name] for name in _DAY], order_by=order)
    gap_ms = milliseconds(busy[c.TIMESTAMP]) - milliseconds(busy[c.TIMESTAMP].lag().over(in_order))
    gaps = busy.mutate(gap_ms=gap_ms)
    gaps = gaps.filter((gaps.gap_ms > 0) & (gaps.gap_ms <= 1000 * bots.metronome_pause_seconds))
    found = gaps.group_by(list(_DAY)).agg(
        num_gaps=gaps.count(),
        mean_gap_ms=gaps.gap_ms.mean(),
        measure=spread(gaps.gap_ms),
        filled=gaps[c.PLAYED_MS].mean() / gaps.gap_ms.mean(),
    )
    unmusical = (found.mean_gap_ms <= 1000 * bots.metronome_gap_seconds) | (
        found.filled <= bots.metronome_filled
    ).fill_null(False)
    even = found.filter(
        (found.num_gaps >= bots.metronome_plays - 1) & (found.measure <= bots.metronome_spread) & unmusical
    )
    return held(hours.inner_join(even.select(*_DAY, "measure"), _DAY), METRONOME)


@composed
def round_the_clock(habits: Habits, bots: BotSettings) -> ir.Table:
    """Find runs of hours, each with plays, that are longer than anybody stays awake; `measure` is the run's hours."""
    days = whole_days(habits.days, habits.spots)
    # A run touches two days, and has half of its hours in one of them, or fills a day.
    long_days = days.filter(bit_count(days.active) >= min(bots.awake_hours // 2, 24))
    hours = habits.hours.semi_join(long_days.select(c.USER_ID).distinct(), c.USER_ID)
    active = hours.select(c.USER_ID, c.HOUR).distinct()
    number = milliseconds(active[c.HOUR]) // 3_600_000
    place = ibis.row_number().over(group_by=active[c.USER_ID], order_by=active[c.HOUR])
    numbered = active.mutate(run=number - place)
    runs = numbered.group_by([c.USER_ID, "run"]).agg(measure=numbered.count().cast("float64"))
    awake = numbered.inner_join(runs.filter(runs.measure >= bots.awake_hours), [c.USER_ID, "run"])
    return held(
        hours.inner_join(awake.select(c.USER_ID, c.HOUR, "measure"), [c.USER_ID, c.HOUR]), ROUND_THE_CLOCK
    )
