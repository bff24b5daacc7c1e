"""Counts of a lake's days, made by its engine: what leaves it are cells of histograms, never rows of events.

One table of listens with the bin of every measure is kept in the engine; each measure is one grouping of it by day,
group and bin.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake.days import midnight, with_day
from crossfade.lake.engine import Engine
from crossfade.lake.gold import SAVES as SAVE_EVENTS
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import LakeSettings
from crossfade.schema.tables import EventType
from monitoring.drift.listeners import CASUAL, HEAVY, NEW, with_cohort, with_surface
from monitoring.drift.measures import (
    COHORT,
    COUNTED,
    EVERYBODY,
    MIXES,
    NUMBERS,
    SAVES,
    SKIPS,
    VOLUMES,
    WATCHED_COLUMNS,
    Measure,
)
from monitoring.drift.series import WEEK_DAYS, Cell, Series, days_from, series_of

OTHERS: Final = "(others)"
NEW_DAYS: Final = 28
MS: Final = 1000
IS_LISTEN: Final = "is_listen"
NUMBER: Final = "number"
GENRE: Final = "genre"
GROUPINGS: Final = (c.COUNTRY, c.DEVICE, COHORT)
GROUP_OF: Final = {name: f"{name}_group" for name in (*GROUPINGS, c.SURFACE)}
_MIX_COLUMNS: Final = {
    "event_types": c.EVENT_TYPE,
    "countries": c.COUNTRY,
    "devices": c.DEVICE,
    "contexts": c.CONTEXT,
    "cohorts": COHORT,
    "hours": c.HOUR,
}
# What a group is made by says nothing of the group; that fewer are new, say, is what the mix of cohorts tells.
_ITSELF: Final = {
    c.COUNTRY: ("countries",),
    c.DEVICE: ("devices",),
    COHORT: ("cohorts", *(measure.name for measure in VOLUMES)),
}
Groups = dict[str, tuple[str, ...]]


def largest_groups(events: ir.Table, session: Engine, most: int) -> Groups:
    """Return the countries, devices and surfaces with most events, and all cohorts, which are looked at alone.

    Args:
        events: Silver events of the reference.
        session: Computes.
        most: How many of each.
    """
    found: Groups = {COHORT: (NEW, CASUAL, HEAVY)}
    for name in (name for name in GROUP_OF if name not in found):
        named = events.filter(events[name].notnull())
        counts = named.group_by(name).agg(n=named.count()).order_by([ibis.desc("n"), name]).limit(most)
        found[name] = tuple(session.rows(counts).column(name).to_pylist())
    return found


def daily_series(
    events: ir.Table,
    tracks: ir.Table,
    session: Engine,
    *,
    name: str,
    groups: Groups,
    days: Sequence[date],
    settings: LakeSettings,
) -> dict[tuple[str, str], Series]:
    """Count every measure of listening on every day, of everybody and of each group.

    Args:
        events: Silver events, of the days and of the week before them.
        tracks: Silver tracks.
        session: Computes.
        name: Of these events within the session.
        groups: What `largest_groups` returned.
        days: First to last, without a gap.
        settings: Say what a skip is.

    Returns:
        By measure and group, all of the same days.
    """
    first, number = days[0], len(days)
    rows = session.kept(f"drift_{name}", _binned(_told(events, session, days), tracks, groups, settings))
    genres = session.kept(f"drift_genres_{name}", _genres(tracks))
    found: dict[tuple[str, str], Series] = {}
    for measure in COUNTED:
        cells = list(_cells(session.rows(_counted(measure, rows, genres)), measure))
        for series in series_of(measure, cells, days_from(first, number)):
            found[measure.name, series.group] = series
    return found


def _told(events: ir.Table, session: Engine, days: Sequence[date]) -> ir.Table:
    """Return the events of the days with their day, the cohort of their user, and the surface that they follow from."""
    until = days_from(days[-1], 2)[1]
    within = events.filter(
        (events[c.TIMESTAMP] >= midnight(days[0])) & (events[c.TIMESTAMP] < midnight(until))
    )
    oldest = session.rows(events.agg(oldest=events[c.TIMESTAMP].min())).column(0)[0].as_py()
    known_from = (oldest.date() if oldest else days[0]) + timedelta(days=WEEK_DAYS)
    return with_cohort(with_surface(with_day(within), events, days), events, days, known_from)


def _binned(events: ir.Table, tracks: ir.Table, groups: Groups, settings: LakeSettings) -> ir.Table:
    """Return one row an event with its day, its groups, and the bin of each measure."""
    about = (c.TITLE, c.DURATION_MS, c.RELEASE_DATE, c.AUDIO_FEATURES[0])
    rows = events.left_join(tracks.select(c.TRACK_ID, *about), c.TRACK_ID)
    rows = rows.mutate(
        age=(rows[c.DAY].delta(rows[c.RELEASE_DATE], unit="day")).cast("int64"),
        hour=rows[c.TIMESTAMP].hour().cast("string"),
        **{IS_LISTEN: rows[c.EVENT_TYPE] == str(EventType.LISTEN)},
    )
    numbers = {measure.name: _bin(_number(rows, measure), measure) for measure in NUMBERS[:-1]}
    mixes = {name: rows[column] for name, column in _MIX_COLUMNS.items()}
    alone = {
        GROUP_OF[name]: rows[name].isin(values).fill_null(False).ifelse(rows[name], OTHERS)
        if values
        else ibis.literal(OTHERS)
        for name, values in groups.items()
    }
    kept = (c.USER_ID, c.TRACK_ID, c.DAY, IS_LISTEN)
    return rows.select(*kept, **numbers, **mixes, **_rates(rows, settings), **alone)


def _number(rows: ir.Table, measure: Measure) -> ir.NumericValue:
    return {
        "played_seconds": rows[c.PLAYED_MS] / float(MS),
        "played_share": rows[c.PLAYED_SHARE],
        "track_age_days": rows.age,
        "session_position": rows[c.SESSION_POSITION],
    }[measure.name]


def _bin(number: ir.NumericValue, measure: Measure) -> ir.IntegerValue:
    """Return the place of a number among the edges, from 0; null where it is unknown."""
    above = ibis.literal(0, "int64")
    for edge in measure.edges:
        above = above + (number >= edge).cast("int64")
    return above


def _rates(rows: ir.Table, settings: LakeSettings) -> dict[str, ir.BooleanValue]:
    """Return for each rate its yes or no; null where it cannot be told."""
    is_save = rows[c.EVENT_TYPE].isin([str(kind) for kind in SAVE_EVENTS])
    short = (rows[c.PLAYED_MS] <= settings.positive_ms).fill_null(True)
    small = (rows[c.PLAYED_SHARE] <= settings.positive_share).fill_null(True)
    is_told = rows[c.PLAYED_MS].notnull() | rows[c.PLAYED_SHARE].notnull()
    yes = {
        SKIPS.name: is_told.ifelse(short & small, ibis.null("boolean")),
        SAVES.name: (is_save | rows[IS_LISTEN]).ifelse(is_save, ibis.null("boolean")),
        "shuffle": rows[c.SHUFFLE],
        "bots": rows[c.IS_BOT],
        "new_tracks": (rows.age >= 0) & (rows.age < NEW_DAYS),
        "unknown_tracks": rows[c.TITLE].isnull() & rows[c.RELEASE_DATE].isnull(),
        "late": rows[c.ARRIVED_AT].notnull(),
    }
    return yes | {f"missing_{name}": rows[name].isnull() for name in WATCHED_COLUMNS}


def _genres(tracks: ir.Table) -> ir.Table:
    """Return track_id and genre, a row for each genre of a track."""
    named = tracks.filter(tracks[c.GENRES].length() > 0)
    return named.select(c.TRACK_ID, **{GENRE: named[c.GENRES].unnest()})


def _counted(measure: Measure, rows: ir.Table, genres: ir.Table) -> ir.Table:
    """Return the cells of one measure: day, groups, bin, number."""
    keys = [c.DAY, *(GROUP_OF[name] for name in GROUPINGS)]
    listens = rows.filter(rows[IS_LISTEN])
    if measure in VOLUMES:
        counted = listens.mutate(bin=ibis.literal(""))
        if measure.name == "listens":
            return counted.group_by([*keys, "bin"]).agg(**{NUMBER: counted.count()})
        users = counted.select(*keys, "bin", c.USER_ID).distinct()
        return users.group_by([*keys, "bin"]).agg(**{NUMBER: users.count()})
    if measure.name == "listens_per_listener":
        users = listens.group_by([*keys, c.USER_ID]).agg(n=listens.count())
        binned = users.mutate(bin=_bin(users.n, measure))
        return binned.group_by([*keys, "bin"]).agg(**{NUMBER: binned.count()})
    if measure.name == "cohorts":
        users = listens.filter(listens.cohorts.notnull()).select(*keys, c.USER_ID, bin="cohorts").distinct()
        return users.group_by([*keys, "bin"]).agg(**{NUMBER: users.count()})
    if measure in (SKIPS, SAVES):
        keys = [*keys, GROUP_OF[c.SURFACE]]
    if measure.name == "genres":
        binned = listens.inner_join(genres, c.TRACK_ID).rename(bin=GENRE)
    else:
        source = rows if measure in (SAVES, MIXES[0]) else listens
        binned = source.mutate(bin=source[measure.name])
    known = binned.filter(binned.bin.notnull())
    return known.group_by([*keys, "bin"]).agg(**{NUMBER: known.count()})


def _cells(counted: pa.Table, measure: Measure) -> Iterator[Cell]:
    """Yield the cells of everybody, and of each group that is looked at alone."""
    names = [name for name in GROUP_OF if GROUP_OF[name] in counted.column_names]
    yield from _rolled(counted, None)
    for name in names:
        if measure.name not in _ITSELF.get(name, ()):
            yield from _rolled(counted, name)


def _rolled(counted: pa.Table, name: str | None) -> Iterator[Cell]:
    keys = [c.DAY, "bin", *([GROUP_OF[name]] if name else [])]
    for row in counted.group_by(keys).aggregate([(NUMBER, "sum")]).to_pylist():
        value = row[GROUP_OF[name]] if name else None
        if value != OTHERS:
            group = f"{name} {value}" if name else EVERYBODY
            yield Cell(row[c.DAY], group, row["bin"], row[f"{NUMBER}_sum"])
