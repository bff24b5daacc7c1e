"""Refreshes a lake: bronze to silver to gold, one table after the other, each only as far as what it is made from has changed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import ibis.expr.types as ir

from crossfade.lake import gold_steps, silver, silver_steps
from crossfade.lake.changes import REPLACED, note
from crossfade.lake.counting import TableCounts, counts
from crossfade.lake.days import as_note, predicate
from crossfade.lake.engine import Engine, engine
from crossfade.lake.lake import BRONZE, Lake
from crossfade.lake.making import INPUTS, MADE_FROM, Making, Update, schema_of
from crossfade.lake.still import StillLake
from crossfade.schema import columns as c
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import Settings
from crossfade.schema.tables import ARTISTS, EVENTS, PLAYLISTS, TABLES, USERS, Table

RECIPES: Final = (
    "build.py",
    "silver_steps.py",
    "gold_steps.py",
    "reopened.py",
    "arrivals.py",
    "days.py",
    "silver.py",
    "gold.py",
    "layout.py",
    "activity.py",
    "bot_intruders.py",
    "bot_rules.py",
    "bot_score.py",
    "bots.py",
    "typed.py",
)


@dataclass(frozen=True)
class LakeReport:
    """What a refresh did: counts of every table, the tables that it wrote, and the versions that now stand.

    Of `written`, `updated` were not rebuilt whole.
    """

    tables: tuple[TableCounts, ...]
    written: tuple[str, ...]
    updated: tuple[str, ...]
    versions: dict[str, int]


@dataclass(frozen=True)
class _Step:
    """One table to build.

    Args:
        target: "layer/name".
        inputs: Tables that it is made from.
        make: Gives all of its rows.
        update: Gives the rows of the days that have changed, or all rows by a shorter way; None where only `make` will do.
        time: The column by whose days rows are replaced, and in whose order they are written.
        sections: Of the settings, that are read.
    """

    target: str
    inputs: tuple[str, ...]
    make: Callable[[Making], ir.Table]
    update: Callable[[Making], Update | ir.Table | None] = lambda _: None
    time: str | None = None
    sections: tuple[str, ...] = ("lake",)


def _newest(table: Table) -> _Step:
    source = f"{BRONZE}/{table.name}"
    return _Step(f"silver/{table.name}", (source,), lambda making: silver.newest(making.table(source), table))


# In the order of need; a table's layer stands before the slash.
STEPS: Final = (
    _Step(
        silver_steps.HOURS_TABLE,
        ("bronze/events",),
        silver_steps.bot_hours,
        silver_steps.bot_hours_update,
        c.DAY,
        ("lake", "bots"),
    ),
    _Step(
        silver_steps.BOTS_TABLE,
        ("bronze/events", "bronze/tracks", silver_steps.LISTS_TABLE, silver_steps.HOURS_TABLE),
        silver_steps.all_bots,
        silver_steps.updated_bots,
        sections=("lake", "bots"),
    ),
    _Step(
        "silver/events",
        ("bronze/events", silver_steps.BOTS_TABLE),
        silver_steps.events,
        silver_steps.events_update,
        c.TIMESTAMP,
    ),
    _newest(ARTISTS),
    _newest(PLAYLISTS),
    _newest(USERS),
    _Step(
        "silver/tracks",
        ("bronze/tracks", "silver/artists", "silver/events", "silver/playlists"),
        gold_steps.tracks,
    ),
    _Step(
        "gold/interactions",
        ("silver/events", "silver/tracks"),
        gold_steps.interactions,
        gold_steps.interactions_update,
        c.TIMESTAMP,
    ),
    _Step(
        "gold/track_days",
        ("gold/interactions",),
        gold_steps.track_days,
        gold_steps.track_days_update,
        c.DAY,
    ),
    _Step(
        "gold/artist_days",
        ("gold/interactions", "silver/tracks"),
        gold_steps.artist_days,
        gold_steps.artist_days_update,
        c.DAY,
    ),
    _Step(
        "gold/user_days",
        ("silver/events", "gold/interactions"),
        gold_steps.user_days,
        gold_steps.user_days_update,
        c.DAY,
    ),
    _Step(
        "gold/user_profiles",
        ("gold/user_days", "gold/interactions", "silver/users"),
        gold_steps.user_profiles,
    ),
    _Step("gold/catalogue", ("silver/tracks",), gold_steps.catalogue),
)


def refresh(lake: Lake, settings: Settings, progress: Callable[[str], None] = lambda _: None) -> LakeReport:
    """Bring silver and gold up to what bronze holds; a second call without new imports writes nothing.

    Args:
        lake: With at least one import.
        settings: The sections `lake` and `bots` are read.
        progress: Told the name of each table before it is built.

    Returns:
        Counts that add up, and the versions to pin a run to.

    Raises:
        NotFoundError: Nothing has been imported.
        InputError: Another process is writing to the lake.
        IntegrityError: Rows in are not rows in silver, quarantined and duplicates together.
    """
    if not any(lake.has(BRONZE, name) for name in TABLES):
        raise NotFoundError(
            f"The lake at {lake.path} is empty; import first: crossfade import events FILE --lake {lake.path}"
        )
    with lake.writing() as scratch, engine(scratch) as session:
        lake = StillLake(lake.path)
        done = {step.target: _built(step, lake, settings, session, progress) for step in STEPS}
        tables = tuple(counts(name, lake, session) for name in TABLES)
    written = tuple(target for target, how in done.items() if how)
    updated = tuple(target for target, how in done.items() if how == _UPDATED)
    return LakeReport(tables, written, updated, lake.versions())


_UPDATED: Final = "updated"
_REBUILT: Final = "rebuilt"


def _built(
    step: _Step, lake: Lake, settings: Settings, session: Engine, progress: Callable[[str], None]
) -> str:
    """Build a table as far as its inputs have changed since it was last built; return how, "" where nothing had to be."""
    layer, _, name = step.target.partition("/")
    made_from = _made_from(step, lake, settings)
    known = note(lake, step.target, MADE_FROM)
    if known == json.dumps(made_from, sort_keys=True):
        return ""
    notes = {MADE_FROM: json.dumps(made_from, sort_keys=True)}
    since = _comparable(json.loads(known), made_from) if known else {}
    making = Making(lake, session, settings, since, notes)
    if since and all(making.is_unchanged(source) for source in step.inputs):
        return ""
    progress(step.target)
    is_large = lake.num_rows(BRONZE, EVENTS.name) > settings.lake.rebuild_rows
    found = step.update(making) if since and is_large else None
    if isinstance(found, Update):
        if found.days:
            _replace(step, making, found)
        return _UPDATED if found.days else ""
    rows = step.make(Making(lake, session, settings, {}, notes)) if found is None else found
    rows = rows.order_by(step.time) if step.time else rows
    lake.overwrite(layer, name, session.batches(rows, schema_of(step.target)), notes)
    return _REBUILT if found is None else _UPDATED


def _replace(step: _Step, making: Making, update: Update) -> None:
    layer, _, name = step.target.partition("/")
    time = step.time or c.DAY
    where = predicate(update.days, time, is_date=time == c.DAY)
    rows = making.session.batches(update.rows.order_by(time), schema_of(step.target))
    making.lake.replace(layer, name, rows, where, making.notes | {REPLACED: as_note(update.days)})


def _comparable(known: dict[str, Any], now: dict[str, Any]) -> dict[str, int | None]:
    """Return the versions of the inputs that a table was made from, none where it was made by another recipe or settings."""
    is_same = all(known.get(key) == now[key] for key in now if key != INPUTS)
    inputs: dict[str, int | None] = known[INPUTS]
    return inputs if is_same and inputs.keys() == now[INPUTS].keys() else {}


def _made_from(step: _Step, lake: Lake, settings: Settings) -> dict[str, Any]:
    inputs = {source: lake.version(*source.split("/")) for source in step.inputs}
    read = settings.model_dump(include=set(step.sections))
    return {INPUTS: inputs, "settings": read, "recipe": _recipe()}


def _recipe() -> str:
    """Return a digest of the transformations, so that a new release of them rebuilds what an older one made."""
    here = Path(__file__).parent
    return sha256(b"".join((here / name).read_bytes() for name in RECIPES)).hexdigest()[:16]
