"""Kinds of playlists, made from what a town's listeners did so far, and what is known of a listener when one is chosen."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.schema.ids import Rows
from crossfade.twin.logbook import Log
from crossfade.twin.town import DAYS_PER_WEEK, Town

Doubles = npt.NDArray[np.float64]

K: Final = 8
SHELVES: Final = ("charts", "own_genre", "new_releases", "small_artists", "anything")
DIM: Final = 4
SKIP_MS: Final = 30_000
FRESH_WEEKS: Final = 4


@dataclass
class Known:
    """What is known of a town by now; changes week by week.

    Args:
        town: Its catalogue is read, none of its truths.
        plays: [num_users, num_tracks] float64 plays that were not skipped.
        skips: [num_users, num_tracks] float64.
    """

    town: Town
    plays: Doubles
    skips: Doubles

    @classmethod
    def nothing(cls, town: Town) -> "Known":
        """Return what is known before the first week."""
        shape = (town.spec.num_users, town.spec.num_tracks)
        return cls(town, np.zeros(shape), np.zeros(shape))

    def learn(self, log: Log) -> None:
        """Take a week in."""
        own = (log.played_ms >= 0) & (log.users < len(self.plays))
        wanted = own & (log.played_ms > SKIP_MS)
        np.add.at(self.plays, (log.users[wanted], log.tracks[wanted]), 1)
        skipped = own & ~wanted
        np.add.at(self.skips, (log.users[skipped], log.tracks[skipped]), 1)

    @property
    def _genres(self) -> Doubles:
        """[num_users, num_genres] plays by main genre."""
        found = np.zeros((len(self.plays), int(self._genre_rows.max()) + 1))
        np.add.at(found.T, self._genre_rows, self.plays.T)
        return found

    @property
    def _genre_rows(self) -> Rows:
        music = self.town.music
        found: Rows = music.artists.subgenres[music.artist_rows, 0]
        return found

    def contexts(self) -> Doubles:
        """Return [num_users, DIM]: a constant, how much is played, how much of it of the favourite genre, how much skipped."""
        plays, skips, genres = self.plays.sum(axis=1), self.skips.sum(axis=1), self._genres
        everything = np.maximum(plays + skips, 1)
        own = genres.max(axis=1) / np.maximum(plays, 1)
        return np.column_stack([np.ones(len(plays)), np.log1p(plays) / 6, own, skips / everything])

    def slates(self, week: int, random: np.random.Generator) -> Rows:
        """Return [num_shelves, num_users, K] int32: everybody's playlist of each kind, of tracks that are out and not heard."""
        music, num_users = self.town.music, len(self.plays)
        out = music.release_days < week * DAYS_PER_WEEK
        fresh = out & (music.release_days >= (week - FRESH_WEEKS) * DAYS_PER_WEEK)
        popular = np.log1p(self.plays.sum(axis=0))
        artists = np.log1p(np.bincount(music.artist_rows, self.plays.sum(axis=0)))[music.artist_rows]
        own = np.log1p(self._genres)[:, self._genre_rows]
        anything = random.random((num_users, len(out)))
        scores = np.stack(
            [
                np.broadcast_to(popular, own.shape),
                own + popular / 10,
                np.where(fresh, 10.0, 0.0) + own + popular / 10,
                own - artists,
                anything,
            ]
        )
        scores = np.where(out & (self.plays + self.skips == 0), scores, -np.inf)
        return np.argsort(-scores, axis=2, kind="stable")[:, :, :K].astype(np.int32)
