"""Refreshes a lake: bronze to silver to gold, one table after the other, each only when what it is made from has changed."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import ibis.expr.types as ir
import pyarrow as pa

from crossfade.lake import bots, gold, layout, silver
from crossfade.lake.engine import Engine
from crossfade.lake.engines import chosen_engine
from crossfade.lake.lake import BRONZE, QUARANTINE, SILVER, Lake
from crossfade.lake.layout import BOT_LISTS, BOT_LISTS_SCHEMA
from crossfade.lake.own_ids import PEOPLE
from crossfade.lake.pseudonyms import Pseudonyms
from crossfade.lake.still import StillLake
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError, NotFoundError
from crossfade.schema.lake_settings import BotSettings, LakeSettings
from crossfade.schema.settings import OF_MACHINE, Settings
from crossfade.schema.tables import ARTISTS, EVENTS, PLAYLISTS, TABLES, TRACKS, USERS
from crossfade.schema.user_keys import UserKey, lake_keys, new_key, write_keys

_log = logging.getLogger(__name__)

MADE_FROM: Final = "crossfade.made_from"
DROPPED: Final = "crossfade.rows_dropped"
RECIPES: Final = (
    "build.py",
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
)


@dataclass(frozen=True)
class TableCounts:
    """Where the rows of one canonical table went: `rows_in = rows_silver + rows_quarantined + rows_duplicate`.

    A duplicate is a repeated event, or a row whose key was imported again later. `rows_implied` more stand in silver:
    tracks that only events or playlists name.
    """

    name: str
    rows_in: int
    rows_silver: int
    rows_quarantined: int
    rows_duplicate: int
    rows_implied: int = 0

    def __str__(self) -> str:
        """Return one line for people."""
        implied = f"; {self.rows_implied:,} more that only other tables name" if self.rows_implied else ""
        return (
            f"{self.name}: {self.rows_in:,} rows in = {self.rows_silver:,} silver + {self.rows_quarantined:,} quarantined"
            f" + {self.rows_duplicate:,} duplicates{implied}"
        )


@dataclass(frozen=True)
class LakeReport:
    """What a refresh did: counts of every table, the tables that it wrote, and the versions that now stand."""

    tables: tuple[TableCounts, ...]
    written: tuple[str, ...]
    versions: dict[str, int]


@dataclass(frozen=True)
class _Making:
    """What a step may use besides its inputs: the settings, `kept` (see `Engine.kept`), and notes on what it wrote."""

    settings: LakeSettings
    bots: BotSettings
    kept: Callable[[str, ir.Table], ir.Table]
    count: Callable[[ir.Table], int]
    notes: dict[str, str]


@dataclass(frozen=True)
class _Session:
    """What a refresh works with; `people` is None where users keep their own ids."""

    lake: Lake
    engine: Engine
    people: Pseudonyms | None

    def input(self, table: str) -> ir.Table:
        """Return a table for a step; bronze rows enter under pseudonyms."""
        rows = _input(table, self.lake, self.engine)
        return (
            self.people.of(rows)
            if self.people and table.startswith(BRONZE) and c.USER_ID in rows.columns
            else rows
        )

    @property
    def key_id(self) -> str:
        """The key that pseudonyms are of, empty without."""
        return self.people.key.id if self.people else ""


@dataclass(frozen=True)
class _Step:
    """One table to build: `make(making, *inputs)` gives its rows, by the named sections of the settings."""

    target: str
    inputs: tuple[str, ...]
    make: Callable[..., ir.Table]
    sections: tuple[str, ...] = ("lake",)


def _dropped(making: _Making, bronze: ir.Table) -> ir.Table:
    same = making.kept("same_ids", silver.same_ids(bronze))
    return same.union(making.kept("exact_repeats", silver.exact_repeats(bronze, same)))


def _bots(making: _Making, bronze: ir.Table, tracks: ir.Table, lists: ir.Table) -> ir.Table:
    once = bronze.anti_join(_dropped(making, bronze), silver.ROW)
    settings = (making.settings, making.bots)
    return bots.flags(once, silver.newest(tracks, TRACKS), lists, settings, making.kept)


def _silver_events(making: _Making, bronze: ir.Table, flags: ir.Table) -> ir.Table:
    dropped = _dropped(making, bronze)
    making.notes[DROPPED] = str(making.count(dropped))
    return silver.events(bronze, dropped, silver.sessions(bronze, dropped, making.settings), flags)


def _interactions(making: _Making, events: ir.Table, tracks: ir.Table) -> ir.Table:
    return gold.interactions(events, tracks, making.settings)


# In the order of need; a table's layer stands before the slash.
STEPS: Final = (
    _Step("silver/bots", ("bronze/events", "bronze/tracks", f"bronze/{BOT_LISTS}"), _bots, ("lake", "bots")),
    _Step("silver/events", ("bronze/events", "silver/bots"), _silver_events),
    _Step("silver/artists", ("bronze/artists",), lambda _, rows: silver.newest(rows, ARTISTS)),
    _Step("silver/playlists", ("bronze/playlists",), lambda _, rows: silver.newest(rows, PLAYLISTS)),
    _Step("silver/users", ("bronze/users",), lambda _, rows: silver.newest(rows, USERS)),
    _Step(
        "silver/tracks",
        ("bronze/tracks", "silver/artists", "silver/events", "silver/playlists"),
        lambda _, *inputs: silver.tracks(*inputs),
    ),
    _Step("gold/interactions", ("silver/events", "silver/tracks"), _interactions),
    _Step("gold/track_days", ("gold/interactions",), lambda _, acts: gold.track_days(acts)),
    _Step(
        "gold/artist_days",
        ("gold/interactions", "silver/tracks"),
        lambda _, *inputs: gold.artist_days(*inputs),
    ),
    _Step(
        "gold/user_profiles",
        ("silver/events", "gold/interactions", "silver/users"),
        lambda _, *inputs: gold.user_profiles(*inputs),
    ),
    _Step("gold/catalogue", ("silver/tracks",), lambda _, tracks: tracks.order_by(c.TRACK_ID)),
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
    with lake.writing() as scratch, chosen_engine(scratch, settings.lake) as session:
        lake = StillLake(lake.path)
        key = _user_key(lake) if settings.privacy.pseudonymise else None
        people = _people(key, lake, session, scratch) if key else None
        making = _Session(lake, session, people)
        written = tuple(step.target for step in STEPS if _built(step, making, settings, progress))
        counts = tuple(_counts(name, lake, session) for name in TABLES)
    return LakeReport(counts, written, lake.versions())


def _user_key(lake: Lake) -> UserKey:
    """Return the key that users are named by, making one for a lake that has none."""
    keys = lake_keys(lake.path)
    if keys is None:
        keys = write_keys(lake.path, (new_key(),))
        _log.warning("%s is new: the key by which users are named from silver on. Keep it.", keys.place)
    return keys.current


def _people(key: UserKey, lake: Lake, session: Engine, scratch: Path) -> Pseudonyms:
    tables = tuple(_input(f"{BRONZE}/{name}", lake, session) for name in PEOPLE)
    return Pseudonyms(key, tables, session, scratch)


def _built(step: _Step, session: _Session, settings: Settings, progress: Callable[[str], None]) -> bool:
    """Build a table unless its newest version was made from just these inputs; return whether it was built."""
    lake, layer, _, name = session.lake, *step.target.partition("/")
    made_from = _made_from(step, session, settings)
    if lake.has(layer, name) and lake.history(layer, name)[0].get(MADE_FROM) == made_from:
        return False
    progress(step.target)
    engine = session.engine
    making = _Making(settings.lake, settings.bots, engine.kept, engine.count, {MADE_FROM: made_from})
    rows = step.make(making, *map(session.input, step.inputs))
    engine.overwrite(lake, step.target, rows, _schema(step.target), making.notes)
    return True


def _made_from(step: _Step, session: _Session, settings: Settings) -> str:
    inputs = {source: session.lake.version(*source.split("/")) for source in step.inputs}
    read = settings.model_dump(include=set(step.sections), exclude=OF_MACHINE)
    made_from = {"inputs": inputs, "settings": read, "recipe": _recipe(), "user_key": session.key_id}
    return json.dumps(made_from, sort_keys=True)


def _recipe() -> str:
    """Return a digest of the transformations, so that a new release of them rebuilds what an older one made."""
    here = Path(__file__).parent
    return sha256(b"".join((here / name).read_bytes() for name in RECIPES)).hexdigest()[:16]


def _schema(table: str) -> pa.Schema:
    layer, _, name = table.partition("/")
    if name == BOT_LISTS:
        return BOT_LISTS_SCHEMA
    if layer == BRONZE:
        return layout.bronze_schema(TABLES[name])
    return layout.SILVER_SCHEMAS[name] if layer == SILVER else layout.GOLD_SCHEMAS[name]


def _input(table: str, lake: Lake, session: Engine) -> ir.Table:
    layer, _, name = table.partition("/")
    return session.table(lake.files(layer, name) if lake.has(layer, name) else [], _schema(table))


def _counts(name: str, lake: Lake, session: Engine) -> TableCounts:
    quarantined = lake.num_rows(QUARANTINE, name)
    received, clean = lake.num_rows(BRONZE, name), lake.num_rows(SILVER, name)
    implied = session.count(_implied(lake, session)) if name == TRACKS.name else 0
    duplicates = _duplicates(name, received, lake, session)
    if received != clean - implied + duplicates:
        raise IntegrityError(
            f"The rows of {name} do not add up: bronze has {received:,}, but silver has {clean - implied:,} of them and "
            f"{duplicates:,} are duplicates. Nothing was lost from bronze; report this, and do not train on this lake."
        )
    return TableCounts(name, received + quarantined, clean - implied, quarantined, duplicates, implied)


def _duplicates(name: str, received: int, lake: Lake, session: Engine) -> int:
    """Count repeated events or keys in bronze, without looking at silver's rows."""
    if name == EVENTS.name:
        return int(str(lake.history(SILVER, name)[0][DROPPED])) if received else 0
    bronze = _input(f"{BRONZE}/{name}", lake, session)
    return received - session.count(bronze.select(TABLES[name].required[0]).distinct())


def _implied(lake: Lake, session: Engine) -> ir.Table:
    inputs = ("bronze/tracks", "silver/events", "silver/playlists")
    return silver.implied_tracks(*(_input(source, lake, session) for source in inputs))
