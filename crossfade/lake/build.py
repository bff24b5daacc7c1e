"""Refreshes a lake: bronze to silver to gold, one table after the other, each only as far as what it is made from has changed."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import ibis.expr.types as ir

from crossfade.lake import bot_steps, gold_steps, silver, silver_steps
from crossfade.lake.changes import note
from crossfade.lake.counting import TableCounts, counts
from crossfade.lake.engine import Engine
from crossfade.lake.engines import chosen_engine
from crossfade.lake.lake import BRONZE, Lake
from crossfade.lake.making import INPUTS, MADE_FROM, Making, Update, schema_of
from crossfade.lake.own_ids import PEOPLE
from crossfade.lake.pseudonyms import Pseudonyms
from crossfade.lake.replacing import replace_all, replace_days
from crossfade.lake.still import StillLake
from crossfade.schema import columns as c
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import OF_MACHINE, Settings
from crossfade.schema.tables import ARTISTS, EVENTS, PLAYLISTS, TABLES, USERS, Table
from crossfade.schema.user_keys import UserKey, lake_keys, new_key, write_keys

_log = logging.getLogger(__name__)

RECIPES: Final = (
    "build.py",
    "making.py",
    "changes.py",
    "touched.py",
    "bot_steps.py",
    "silver_steps.py",
    "gold_steps.py",
    "reopened.py",
    "open_sessions.py",
    "repeats.py",
    "arrivals.py",
    "days.py",
    "silver.py",
    "gold.py",
    "layout.py",
    "pseudonyms.py",
    "portable.py",
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
        bot_steps.HOURS_TABLE,
        ("bronze/events",),
        bot_steps.bot_hours,
        bot_steps.bot_hours_update,
        c.DAY,
        ("lake", "bots"),
    ),
    _Step(
        bot_steps.DAYS_TABLE,
        (bot_steps.HOURS_TABLE,),
        bot_steps.bot_days,
        bot_steps.bot_days_update,
        c.DAY,
    ),
    _Step(
        bot_steps.BOTS_TABLE,
        (
            "bronze/events",
            bot_steps.TRACKS_TABLE,
            bot_steps.USERS_TABLE,
            bot_steps.LISTS_TABLE,
            bot_steps.HOURS_TABLE,
            bot_steps.DAYS_TABLE,
        ),
        bot_steps.all_bots,
        bot_steps.updated_bots,
        sections=("lake", "bots"),
    ),
    _Step(
        "silver/events",
        ("bronze/events", bot_steps.BOTS_TABLE),
        silver_steps.events,
        silver_steps.events_update,
        c.TIMESTAMP,
    ),
    _newest(ARTISTS),
    _newest(PLAYLISTS),
    _newest(USERS),
    _Step(gold_steps.HEARD, ("silver/events",), gold_steps.heard_tracks, gold_steps.heard_tracks_update),
    _Step(
        "silver/tracks",
        ("bronze/tracks", "silver/artists", gold_steps.HEARD, "silver/playlists"),
        gold_steps.tracks,
        gold_steps.tracks_update,
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
        gold_steps.PROFILES,
        ("gold/user_days", "gold/interactions", "silver/users"),
        gold_steps.user_profiles,
        gold_steps.user_profiles_update,
    ),
    _Step("gold/catalogue", ("silver/tracks",), gold_steps.catalogue),
)


def refresh(lake: Lake, settings: Settings, progress: Callable[[str], None] = lambda _: None) -> LakeReport:
    """Bring silver and gold up to what bronze holds; a second call without new imports writes nothing.

    Args:
        lake: With at least one import.
        settings: The sections `lake`, `bots` and `privacy` are read.
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
    with lake.writing() as scratch, chosen_engine(scratch, settings.lake) as engine:
        lake = StillLake(lake.path)
        key = _user_key(lake) if settings.privacy.pseudonymise else None
        people = _people(key, lake, engine, scratch) if key else None
        making = Making(lake, engine, settings, people)
        with lake.writing_behind():
            done = {step.target: _built(step, making, progress) for step in STEPS}
        tables = tuple(counts(name, lake, engine) for name in TABLES)
    written = tuple(target for target, how in done.items() if how)
    updated = tuple(target for target, how in done.items() if how == _UPDATED)
    return LakeReport(tables, written, updated, lake.versions())


_UPDATED: Final = "updated"
_REBUILT: Final = "rebuilt"


def _user_key(lake: Lake) -> UserKey:
    """Return the key that users are named by, making one for a lake that has none."""
    keys = lake_keys(lake.path)
    if keys is None:
        keys = write_keys(lake.path, (new_key(),))
        _log.warning("%s is new: the key by which users are named from silver on. Keep it.", keys.place)
    return keys.current


def _people(key: UserKey, lake: Lake, engine: Engine, scratch: Path) -> Pseudonyms:
    names = {
        f"{BRONZE}/{name}": lake.files(BRONZE, name) if lake.has(BRONZE, name) else [] for name in PEOPLE
    }
    tables = tuple(engine.table(files, schema_of(name)) for name, files in names.items())
    return Pseudonyms(key, tables, engine, scratch)


def _built(step: _Step, blank: Making, progress: Callable[[str], None]) -> str:
    """Build a table as far as its inputs have changed since it was last built; return how, "" where nothing had to be.

    Args:
        step: The table.
        blank: What every step has at hand.
        progress: Told the table's name before it is built.
    """
    lake, settings = blank.lake, blank.settings
    made_from = _made_from(step, blank)
    known = note(lake, step.target, MADE_FROM)
    if known == json.dumps(made_from, sort_keys=True):
        return ""
    whole = replace(blank, notes={MADE_FROM: json.dumps(made_from, sort_keys=True)})
    since = _comparable(json.loads(known), made_from) if known else {}
    making = replace(whole, since=since)
    if since and all(making.is_unchanged(source) for source in step.inputs):
        return ""
    progress(step.target)
    is_large = lake.num_rows(BRONZE, EVENTS.name) > settings.lake.rebuild_rows
    found = step.update(making) if since and is_large else None
    if isinstance(found, Update):
        if found.days:
            replace_days(making, step.target, found, step.time or c.DAY)
        return _UPDATED if found.days else ""
    rows = step.make(whole) if found is None else found
    rows = rows.order_by(step.time) if step.time else rows
    if found is not None:
        replace_all(making, step.target, rows)
        return _UPDATED
    making.session.overwrite(lake, step.target, rows, schema_of(step.target), making.notes)
    return _REBUILT


def _comparable(known: dict[str, Any], now: dict[str, Any]) -> dict[str, int | None]:
    """Return the versions of the inputs that a table was made from, none where it was made by another recipe or settings."""
    is_same = all(known.get(key) == now[key] for key in now if key != INPUTS)
    inputs: dict[str, int | None] = known[INPUTS]
    return inputs if is_same and inputs.keys() == now[INPUTS].keys() else {}


def _made_from(step: _Step, making: Making) -> dict[str, Any]:
    inputs = {source: making.lake.version(*source.split("/")) for source in step.inputs}
    read = making.settings.model_dump(include=set(step.sections), exclude=OF_MACHINE)
    key = making.people.key.id if making.people else ""
    return {INPUTS: inputs, "settings": read, "recipe": _recipe(), "user_key": key}


def _recipe() -> str:
    """Return a digest of the transformations, so that a new release of them rebuilds what an older one made."""
    here = Path(__file__).parent
    return sha256(b"".join((here / name).read_bytes() for name in RECIPES)).hexdigest()[:16]
