"""Slates that were shown on a stored surface, as they were logged, by the moment whose knowledge they were made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossfade.experiments.assignment import CONTROL
from crossfade.experiments.days import utc_seconds
from crossfade.lake.engines import chosen_engine
from crossfade.lake.lake import GOLD, SILVER, Lake
from crossfade.lake.layout import GOLD_SCHEMAS, INTERACTIONS, SILVER_SCHEMAS
from crossfade.lake.shown_places import SHOWN, WANTED, shown_places
from crossfade.schema import columns as c
from crossfade.schema.lake_settings import LakeSettings
from crossfade.schema.tables import EVENTS, Surface

Doubles = npt.NDArray[np.float64]

PERIOD: Final = timedelta(days=56)  # of shown slates; older ones are mostly of other bundles
WITHIN: Final = timedelta(days=7)  # a weekly playlist is replaced after that


@dataclass(frozen=True)
class ShownSlates:
    """n slates of k places.

    Args:
        users: [n] ids as the lake has them.
        shown: [n] int64 UTC seconds of the first exposure.
        tracks: [n * k] ids, slate by slate.
        propensities: [n, k] float64.
        wanted: [n, k] float64: 1 where the track was played for long within `WITHIN`, else 0.
    """

    users: pa.Array
    shown: npt.NDArray[np.int64]
    tracks: pa.Array
    propensities: Doubles
    wanted: Doubles

    def __len__(self) -> int:
        """Return the number of slates."""
        return len(self.users)

    def made_at(self, moments: Sequence[int]) -> npt.NDArray[np.int64]:
        """Return [n] int64: the newest of some moments (UTC seconds) before each slate was shown, -1 where there is none."""
        known = np.array([-1, *sorted(moments)], np.int64)
        return np.asarray(known[np.searchsorted(known, self.shown, side="left") - 1])

    def take(self, places: npt.NDArray[np.int64]) -> "ShownSlates":
        """Return the slates at places [m]."""
        k = self.wanted.shape[1]
        rows = (places[:, None] * k + np.arange(k)).ravel()
        return ShownSlates(
            self.users.take(pa.array(places)),
            self.shown[places],
            self.tracks.take(pa.array(rows)),
            self.propensities[places],
            self.wanted[places],
        )


def read_shown(
    lake: Lake, settings: LakeSettings, surface: Surface, length: int, now: datetime
) -> ShownSlates:
    """Read everybody's slates of `PERIOD` that were logged whole, with `length` places; later ones than `WITHIN` are not ripe.

    Args:
        lake: Refreshed.
        settings: Of the engine.
        surface: A stored one.
        length: Tracks of a full slate.
        now: UTC.
    """
    with TemporaryDirectory() as scratch, chosen_engine(Path(scratch), settings) as session:
        events = session.table(lake.files(SILVER, EVENTS.name), SILVER_SCHEMAS[EVENTS.name])
        acts = session.table(lake.files(GOLD, INTERACTIONS), GOLD_SCHEMAS[INTERACTIONS])
        places = shown_places(
            events, acts, str(surface), variants=(CONTROL,), since=now - PERIOD, within=WITHIN
        )
        found = session.rows(places)
    ripe = utc_seconds(found.column(SHOWN)) <= int((now - WITHIN).timestamp())
    return slates_of(found.filter(pa.array(ripe)), length)


def slates_of(places: pa.Table, length: int) -> ShownSlates:
    """Put places (columns of `shown_places`) together to slates; those that are not whole, or of another length, are left out."""
    keys = [(name, "ascending") for name in (c.USER_ID, c.SLATE_ID, c.POSITION)]
    ordered = places.sort_by(keys).combine_chunks()
    users, slates = (
        ordered.column(name).dictionary_encode().combine_chunks().indices for name in (c.USER_ID, c.SLATE_ID)
    )
    owners = np.asarray(users).astype(np.int64) * (len(ordered) + 1) + np.asarray(slates)
    _, first, counts = np.unique(owners, return_index=True, return_counts=True)
    positions = ordered.column(c.POSITION).to_numpy()
    starts = np.sort(first[counts == length])
    rows = starts[:, None] + np.arange(length)
    is_whole = (positions[rows] == np.arange(length)).all(axis=1) if len(starts) else np.zeros(0, np.bool_)
    rows = rows[is_whole]

    def column(name: str) -> pa.Array:
        return ordered.column(name).combine_chunks().take(pa.array(rows.ravel()))

    moments = utc_seconds(ordered.column(SHOWN))
    shape = (len(rows), length)
    return ShownSlates(
        ordered.column(c.USER_ID).combine_chunks().take(pa.array(rows[:, 0])),
        moments[rows].min(axis=1) if len(rows) else np.zeros(0, np.int64),
        column(c.TRACK_ID),
        column(c.PROPENSITY).to_numpy(zero_copy_only=False).reshape(shape),
        column(WANTED).to_numpy(zero_copy_only=False).reshape(shape),
    )
