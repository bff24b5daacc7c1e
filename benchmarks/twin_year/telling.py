"""What a year is judged by, week by week."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.twin_year.playlists import Playlists
from crossfade.schema.tables import EventType
from crossfade.twin.kinds import Origin
from crossfade.twin.logbook import DAY_MS
from crossfade.twin.reactions import EVENT_TYPES
from crossfade.twin.town import DAYS_PER_WEEK, Town, Week

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

HEAD_SHARE = 0.8  # small artists are those beyond the ones that have this share of lasting popularity
OF_PLAYLISTS = ("affinity", "novelty", "likeness", "mix_distance", "small_artists", "farmed", "tracks")
SAVES = (EventType.SAVE, EventType.LIKE, EventType.ADD_TO_PLAYLIST)


@dataclass(frozen=True)
class Told:
    """One week.

    Args:
        listeners: Who has come and has not left.
        listens: A listener.
        saves: Saves, likes and playlist adds, a listener.
        slate_listens: Listens to playlists, a listener.
        skip_rate: Of listens to playlists.
        slate_saves: Saves and the like from playlists, a listener.
        affinity: True affinity of listeners with their playlists' tracks, mean.
        novelty: Share of playlists' tracks whose artist the listener had not played.
        likeness: Mean cosine between two tracks of a playlist; high is one-sided.
        mix_distance: Distance (half the sum of differences, 0 to 1) of a playlist's genre families from the listener's own.
        small_artists: Share of playlists' places with small artists.
        farmed: Share of playlists' places with the artist whom the farm pushes.
        tracks: Effective number of tracks over all playlists (exponential of the entropy).
        heard_tracks: Effective number of tracks over all listens of people.
        genres: Genres that a listener's playlists have offered by now, mean.
    """

    listeners: int
    listens: float
    saves: float
    slate_listens: float
    skip_rate: float
    slate_saves: float
    affinity: float
    novelty: float
    likeness: float
    mix_distance: float
    small_artists: float
    farmed: float
    tracks: float
    heard_tracks: float
    genres: float


class Teller:
    """Tells of each week, and remembers who has played whom, and when each track was first heard."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._families = town.music.artists.families[town.music.artist_rows]
        shape = (town.spec.num_users, int(self._families.max()) + 1)
        self._mix = np.zeros(shape)
        self._played = np.zeros((town.spec.num_users, town.spec.artists), np.bool_)
        self._genres = town.music.artists.subgenres[town.music.artist_rows, 0]
        self._offered = np.zeros((town.spec.num_users, int(self._genres.max()) + 1), np.bool_)
        self._is_small = _small(town.music.artists.popularity)[town.music.artist_rows]
        self.first_heard = np.full(town.spec.num_tracks, -1, np.int64)
        self.first_offered = np.full(town.spec.num_tracks, -1, np.int64)

    def week(self, number: int, week: Week, playlists: Playlists) -> Told:
        """Tell of a week; people only, whatever bots do."""
        log, town = week.log, self._town
        people = log.origins == Origin.OWN
        is_listen = (log.played_ms >= 0) & people
        is_save = np.isin(log.event_types, [EVENT_TYPES.index(kind) for kind in SAVES]) & people
        here = max(int(town.is_here.sum()), 1)
        users, artists = log.users[is_listen], town.music.artist_rows[log.tracks[is_listen]]
        of_slates = is_listen & week.from_slate
        figures = self.of_playlists(playlists)
        np.add.at(self._mix, (users, self._families[log.tracks[is_listen]]), 1)
        self._played[users, artists] = True
        _note_first(self.first_heard, log.tracks[is_listen], log.times_ms[is_listen] // DAY_MS)
        owners, offered = np.nonzero(playlists.rows >= 0)[0], playlists.rows[playlists.rows >= 0]
        _note_first(self.first_offered, offered, np.full(len(offered), number * DAYS_PER_WEEK, np.int64))
        self._offered[owners, self._genres[offered]] = True
        ever = self._offered.any(axis=1)
        skipped = log.played_ms[of_slates] < 30_000
        return Told(
            here,
            int(is_listen.sum()) / here,
            int(is_save.sum()) / here,
            int(of_slates.sum()) / here,
            float(skipped.mean()) if len(skipped) else np.nan,
            int((is_save & week.from_slate).sum()) / here,
            **figures,
            heard_tracks=_effective(log.tracks[is_listen]),
            genres=float(self._offered[ever].sum(axis=1).mean()) if ever.any() else np.nan,
        )

    def of_playlists(self, playlists: Playlists) -> dict[str, float]:
        """Return what `Told` says of playlists themselves, by name, before the week in which they are on offer."""
        users, places = np.nonzero(playlists.rows >= 0)
        if not len(users):
            return dict.fromkeys(OF_PLAYLISTS, np.nan)
        tracks, town = playlists.rows[users, places], self._town
        artists = town.music.artist_rows[tracks]
        likeness = [_likeness(town.music.latents[row[row >= 0]]) for row in playlists.rows]
        values = (
            float(town.affinity(users.astype(np.int32), tracks).mean()),
            float((~self._played[users, artists]).mean()),
            float(np.nanmean(likeness)),
            self._mix_distance(users, tracks),
            float(self._is_small[tracks].mean()),
            float((artists == town.farmed).mean()),
            _effective(tracks),
        )
        return dict(zip(OF_PLAYLISTS, values, strict=True))

    def _mix_distance(self, users: npt.NDArray[np.int64], tracks: npt.NDArray[np.int32]) -> float:
        shown = np.zeros_like(self._mix)
        np.add.at(shown, (users, self._families[tracks]), 1)
        known = (shown.sum(axis=1) > 0) & (self._mix.sum(axis=1) > 0)
        mine, theirs = (each[known] / each[known].sum(axis=1, keepdims=True) for each in (self._mix, shown))
        return float(np.abs(mine - theirs).sum(axis=1).mean() / 2)


def days_until(town: Town, first: npt.NDArray[np.int64], since: int, until: int) -> tuple[float, float]:
    """Return how long new tracks waited: the median of days, of all that came out, and the share that is still waiting.

    Args:
        town: Has the releases.
        first: [num_tracks] int64 day, -1 for never.
        since: First day of release that counts.
        until: First day that does not: later ones have had too little time.
    """
    out = town.music.release_days
    new = (out >= since) & (out < until)
    if not new.any():
        return np.nan, np.nan
    waited = np.where(first[new] >= 0, first[new] - out[new], np.inf)
    return float(np.median(waited)), float(np.isinf(waited).mean())


def mean_of(told: Sequence[Told], name: str) -> float:
    """Return a figure's mean over weeks, those without it left out."""
    values = np.array([getattr(each, name) for each in told], np.float64)
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def _small(popularity: Doubles) -> Bools:
    order = np.argsort(-popularity, kind="stable")
    before = np.cumsum(popularity[order]) - popularity[order]
    small = np.zeros(len(popularity), np.bool_)
    small[order] = before >= HEAD_SHARE * popularity.sum()
    return small


def _likeness(latents: npt.NDArray[np.float32]) -> float:
    if len(latents) < 2:
        return np.nan
    near = latents @ latents.T
    return float((near.sum() - np.trace(near)) / (near.size - len(near)))


def _effective(tracks: npt.NDArray[np.int32]) -> float:
    counts = np.unique(tracks, return_counts=True)[1]
    shares = counts / max(counts.sum(), 1)
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _note_first(
    first: npt.NDArray[np.int64], tracks: npt.NDArray[np.int32], days: npt.NDArray[np.int64]
) -> None:
    """Note the first day of tracks that have none yet."""
    order = np.argsort(days, kind="stable")
    found, places = np.unique(tracks[order], return_index=True)
    new = first[found] < 0
    first[found[new]] = days[order][places[new]]
