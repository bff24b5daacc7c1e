"""A twin in figures: how listening is spread, repeated, discovered and skipped."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.schema import columns as c
from crossfade.schema.ids import IdMap, Rows
from crossfade.schema.tables import EventType
from crossfade.twin.draws import Floats, Places, ranks_within
from crossfade.twin.twin import Twin

Figures = dict[str, float | list[float]]
WANTED_MS: Final = 30_000  # a shorter play counts as skipped here
_DAY_SECONDS: Final = 86_400
_QUINTILES: Final = 5


@dataclass(frozen=True)
class Listens:
    """Listens of a twin as columns, in order of time."""

    twin: Twin

    @cached_property
    def table(self) -> pa.Table:
        """[n] the listens among the events."""
        return self.twin.events.filter(self.mask)

    @cached_property
    def mask(self) -> npt.NDArray[np.bool_]:
        """[num_events] bool: the event is a listen."""
        return np.asarray(pc.equal(self.twin.events[c.EVENT_TYPE], EventType.LISTEN).to_numpy())

    @cached_property
    def users(self) -> Rows:
        """[n] int32."""
        return IdMap(self.twin.users[c.USER_ID].combine_chunks()).rows(self.table[c.USER_ID])

    @cached_property
    def tracks(self) -> Rows:
        """[n] int32."""
        return IdMap(self.twin.tracks[c.TRACK_ID].combine_chunks()).rows(self.table[c.TRACK_ID])

    @cached_property
    def artists(self) -> Rows:
        """[n] int32 primary artist."""
        return IdMap(self.twin.artists[c.ARTIST_ID].combine_chunks()).rows(self.table[c.ARTIST_ID])

    @cached_property
    def sessions(self) -> Rows:
        """[n] int32 numbered in order of session id."""
        return IdMap.of(self.table[c.SESSION_ID].combine_chunks()).rows(self.table[c.SESSION_ID])

    @cached_property
    def positions(self) -> Places:
        """[n] int64 position in the session, from 0."""
        return ranks_within(self.sessions)

    @cached_property
    def seconds(self) -> npt.NDArray[np.float64]:
        """[n] float64 UTC seconds since 1970."""
        return np.asarray(self.table[c.TIMESTAMP].cast(pa.int64()).to_numpy() / 1e6)

    @cached_property
    def days(self) -> Places:
        """[n] int64 day of the window."""
        return np.asarray(self.seconds // _DAY_SECONDS - self.twin.spec.start_day, np.int64)

    @cached_property
    def skipped(self) -> npt.NDArray[np.bool_]:
        """[n] bool: played for 30 s at most."""
        return np.asarray(self.table[c.PLAYED_MS].to_numpy() <= WANTED_MS)

    @cached_property
    def affinity(self) -> Floats:
        """[n] float32 true affinity at the end of the window."""
        return self.twin.affinity(self.users, self.tracks)


def portrait(twin: Twin) -> Figures:
    """Return the figures of a twin by name; shares are of listens unless the name says otherwise."""
    listens = Listens(twin)
    if not len(listens.users):
        return {"num_listens": 0}
    return {
        **_amounts(twin, listens),
        **_spread(twin, listens),
        **_skips(listens),
        **_reactions(twin, listens),
    }


def gini(counts: npt.NDArray[Any]) -> float:
    """Return the Gini coefficient of [n] counts: 0 if all are equal, near 1 if one has everything."""
    ascending = np.sort(counts)
    places = np.arange(1, len(ascending) + 1)
    return float(2 * np.sum(places * ascending) / (len(ascending) * ascending.sum()) - 1 - 1 / len(ascending))


def first_times(users: Rows, others: Rows) -> npt.NDArray[np.bool_]:
    """Return [n] bool: no earlier entry has the same user and track (or artist)."""
    first = np.zeros(len(users), np.bool_)
    first[np.unique((users.astype(np.int64) << 32) + others, return_index=True)[1]] = True
    return first


def means_by_quintile(values: npt.NDArray[Any], by: npt.NDArray[Any]) -> list[float]:
    """Return the mean of [n] values in each fifth of the entries, lowest `by` first; NaN if that is empty."""
    edges = np.quantile(by, np.arange(1, _QUINTILES) / _QUINTILES)
    return _means(values, np.searchsorted(edges, by), range(_QUINTILES))


def _means(values: npt.NDArray[Any], groups: npt.NDArray[Any], wanted: Sequence[int]) -> list[float]:
    sums = np.bincount(groups, values, minlength=max(wanted) + 1)
    counts = np.bincount(groups, minlength=max(wanted) + 1)
    return [float(sums[group] / counts[group]) if counts[group] else float("nan") for group in wanted]


def _amounts(twin: Twin, listens: Listens) -> Figures:
    per_user = np.bincount(listens.users, minlength=twin.users.num_rows)
    active_days = len(np.unique(listens.users.astype(np.int64) * twin.spec.num_days + listens.days))
    num_sessions = int(listens.sessions.max()) + 1
    return {
        "num_listens": len(listens.users),
        "listens_per_user_mean": float(per_user.mean()),
        "listens_per_user_median": float(np.median(per_user)),
        "listens_per_user_90th_percentile": float(np.percentile(per_user, 90)),
        "active_days_a_week": 7 * active_days / twin.users.num_rows / twin.spec.num_days,
        "sessions_an_active_day": num_sessions / active_days,
        "listens_a_session": len(listens.users) / num_sessions,
    }


def _spread(twin: Twin, listens: Listens) -> Figures:
    plays = np.bincount(listens.tracks, minlength=twin.tracks.num_rows)
    top = max(1, len(plays) // 100)
    new_track = first_times(listens.users, listens.tracks)
    new_artist = first_times(listens.users, listens.artists)
    last_week = listens.days >= twin.spec.num_days - 7
    release_days = twin.tracks[c.RELEASE_DATE].cast(pa.int32()).to_numpy()
    in_window = release_days >= twin.spec.start_day
    return {
        "gini_of_track_plays": gini(plays),
        "share_of_top_1_percent_of_tracks": float(np.sort(plays)[-top:].sum() / plays.sum()),
        "share_of_tracks_never_played": float(np.mean(plays == 0)),
        "gini_of_user_listens": gini(np.bincount(listens.users, minlength=twin.users.num_rows)),
        "repeat_share": 1 - float(new_track.mean()),
        "repeat_share_last_week": 1 - float(new_track[last_week].mean()) if last_week.any() else 0.0,
        "new_artist_share": float(new_artist.mean()),
        "share_of_tracks_released_in_window": float(in_window.mean()),
        "share_of_listens_to_them": float(in_window[listens.tracks].mean()),
    }


def _skips(listens: Listens) -> Figures:
    first = first_times(listens.users, listens.tracks)
    return {
        "skip_share": float(listens.skipped.mean()),
        "skip_share_first_time": float(listens.skipped[first].mean()),
        "skip_share_by_affinity_quintile": means_by_quintile(listens.skipped, listens.affinity),
        "skip_share_by_position_0_to_7": _means(listens.skipped, np.minimum(listens.positions, 8), range(8)),
    }


def _reactions(twin: Twin, listens: Listens) -> Figures:
    types = twin.events[c.EVENT_TYPE]
    counted = {str(pair["values"]): int(pair["counts"]) for pair in pc.value_counts(types).to_pylist()}
    kinds = [kind for kind in EventType if kind not in (EventType.LISTEN, EventType.EXPOSURE)]
    rates: Figures = {
        f"{kind}_per_1000_listens": 1000 * counted.get(kind, 0) / len(listens.users) for kind in kinds
    }
    return {**rates, "playlists_per_user": len(twin.playlists[c.USER_ID].drop_null()) / twin.users.num_rows}
