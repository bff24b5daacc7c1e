"""Drift as it is planted into simulated events, by changing what is known of them; each names where it must be found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.schema import columns as c

COUNTRY: Final = "BR"
DEVICE: Final = "speaker"
GENRE: Final = "hyperwave"
LOVED: Final = "classical"
NUM_NEW: Final = 20
Tables = tuple[pa.Table, pa.Table]  # events and tracks


@dataclass(frozen=True)
class Planted:
    """One kind of drift.

    Args:
        plant: Changes events (of the days on which there is drift) and tracks.
        measures: One of these must be found ...
        group: ... of this group.
    """

    plant: Callable[[pa.Table, pa.Table, np.random.Generator], Tables]
    measures: tuple[str, ...]
    group: str


def taste_shift(
    events: pa.Table, tracks: pa.Table, random: np.random.Generator, share: float = 0.5
) -> Tables:
    """Let a share of one country's plays be of one genre."""
    genres = tracks.column(c.GENRES).to_pylist()
    loved = [
        track for track, of in zip(tracks.column(c.TRACK_ID).to_pylist(), genres, strict=True) if LOVED in of
    ]
    there = pc.equal(events.column(c.COUNTRY), COUNTRY).to_numpy()
    chosen = there & (random.random(len(events)) < share)
    return _with_tracks(events, chosen, random.choice(loved, int(chosen.sum()))), tracks


def new_genre(events: pa.Table, tracks: pa.Table, random: np.random.Generator, share: float = 0.05) -> Tables:
    """Let a share of all plays be of tracks of a genre that nobody knew before."""
    sound = {c.DURATION_MS: 200_000, c.AUDIO_FEATURES[0]: 120.0}
    ids = [f"new-{number:02}" for number in range(NUM_NEW)]
    released = pc.max(tracks.column(c.RELEASE_DATE)).as_py()
    rows = [
        dict.fromkeys(tracks.column_names)
        | {c.TRACK_ID: name, c.TITLE: name, c.GENRES: [GENRE], c.RELEASE_DATE: released, **sound}
        for name in ids
    ]
    chosen = random.random(len(events)) < share
    more = pa.concat_tables([tracks, pa.Table.from_pylist(rows, schema=tracks.schema)])
    return _with_tracks(events, chosen, random.choice(ids, int(chosen.sum()))), more


def broken_client(events: pa.Table, tracks: pa.Table, _: np.random.Generator) -> Tables:
    """Let one device send plays of no length."""
    broken = pc.equal(events.column(c.DEVICE), DEVICE)
    for name in (c.PLAYED_MS, c.PLAYED_SHARE):
        column = events.column(name)
        nothing = pc.if_else(pc.is_valid(column), pa.scalar(0, column.type), None)
        events = _replaced(events, name, pc.if_else(broken, nothing, column))
    return events, tracks


def missing_column(events: pa.Table, tracks: pa.Table, random: np.random.Generator) -> Tables:
    """Let a third of the events lack their context."""
    gone = pa.array(random.random(len(events)) < 1 / 3)
    column = events.column(c.CONTEXT)
    return _replaced(events, c.CONTEXT, pc.if_else(gone, pa.scalar(None, column.type), column)), tracks


def _with_tracks(events: pa.Table, chosen: np.ndarray, track_ids: np.ndarray) -> pa.Table:
    column = pc.replace_with_mask(
        events.column(c.TRACK_ID).combine_chunks(),
        pa.array(chosen),
        pa.array(track_ids.astype(str), pa.string()),
    )
    return _replaced(events, c.TRACK_ID, column)


def _replaced(events: pa.Table, name: str, column: pa.Array | pa.ChunkedArray) -> pa.Table:
    return events.set_column(events.schema.get_field_index(name), events.schema.field(name), column)


KINDS: Final = {
    "taste_shift": Planted(taste_shift, ("genres", "genres_share"), f"country {COUNTRY}"),
    "new_genre": Planted(new_genre, ("genres", "genres_unseen"), "everybody"),
    "broken_client": Planted(broken_client, ("played_seconds", "played_share", "skips"), f"device {DEVICE}"),
    "missing_column": Planted(missing_column, ("missing_context",), "everybody"),
}
