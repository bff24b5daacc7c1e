"""A lake of as many events as asked for: one world's listeners, many times over under other names."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.bots.world import SPEC
from crossfade.lake.lake import BRONZE, Lake
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings
from crossfade.sources.importing import import_files
from crossfade.twin.twin import simulate


def lake_of(directory: Path, events: int, settings: Settings) -> Lake:
    """Simulate a world with farms, intruders and travellers, and fill bronze with copies of it up to so many events."""
    twin = simulate(replace(SPEC, seed=1))
    lake = Lake.create(directory / "lake")
    for path in twin.write(directory / "twin"):
        source = "catalogue" if path.stem == "tracks" else path.stem
        import_files(lake, source, [path], settings=settings)
    first = lake.read(BRONZE, "events")
    for copy in range(1, -(-events // len(first))):
        lake.append(BRONZE, "events", _renamed(first, copy))
    return lake


def _renamed(events: pa.Table, copy: int) -> pa.Table:
    """Return the events under other users, sessions, ids and a file of their own."""
    for name in (c.EVENT_ID, c.USER_ID, c.SESSION_ID, c.SOURCE_FILE):
        place = events.schema.get_field_index(name)
        named = pc.binary_join_element_wise(events.column(name), f"copy-{copy}", "-")
        events = events.set_column(place, events.schema.field(name), named)
    return events
