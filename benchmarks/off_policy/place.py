"""Listeners of a town with histories, candidates for their slates, and policies that explore among them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Queries
from crossfade.reranking.chances import Chances, chances
from crossfade.reranking.exploration import Exploration, explore
from crossfade.reranking.greedy import RerankWeights, TrackColumns
from crossfade.schema.ids import Rows
from crossfade.twin.logbook import DAY_MS
from crossfade.twin.spec import TwinSpec
from crossfade.twin.town import DAYS_PER_WEEK, Town

Doubles = npt.NDArray[np.float64]

K: Final = 8
PLACES: Final = (0, 2, 4)  # explored; most slates are played from the top
CANDIDATES: Final = 150
WARM_WEEKS: Final = 8
SKIP_MS: Final = 30_000
KNOWN_SHARE: Final = (
    0.5  # of a candidate's score that is how much its genre was played; the rest is its popularity
)
PRIOR: Final = 20.0  # as Discover Weekly's
PRESENT: Final = Exploration(PLACES, PRIOR, 0)


@dataclass(frozen=True)
class Place:
    """A town after some weeks, in which everybody gets a slate.

    Args:
        town: As it is now; it is forked, never lived on.
        queries: What listeners did so far.
        tracks: What exploration reads of tracks.
        rates: [num_genres] everybody's share of plays.
        rows: [num_users, CANDIDATES] int32, best first.
        scores: [num_users, CANDIDATES] float32.
    """

    town: Town
    queries: Queries
    tracks: TrackColumns
    rates: Doubles
    rows: Rows
    scores: npt.NDArray[np.float32]

    @classmethod
    def of(cls, num_users: int, num_tracks: int, seed: int) -> "Place":
        """Live through the first weeks of a town, with nothing on offer."""
        days = (WARM_WEEKS + 1) * DAYS_PER_WEEK
        town = Town(TwinSpec(num_users=num_users, num_tracks=num_tracks, num_days=days, seed=seed))
        nothing = np.empty((num_users, 0), np.int32)
        logs = [town.live(nothing).log for _ in range(WARM_WEEKS)]
        users, listened, played, times = (
            np.concatenate([getattr(log, name) for log in logs])
            for name in ("users", "tracks", "played_ms", "times_ms")
        )
        is_listen = played >= 0
        queries = _queries(
            num_users, users[is_listen], listened[is_listen], played[is_listen], times[is_listen]
        )
        genres = town.music.artists.subgenres[town.music.artist_rows].astype(np.int32)
        tracks = TrackColumns(
            town.music.artist_rows.astype(np.int32),
            town.music.release_rows.astype(np.int32),
            genres,
            int(genres.max()) + 1,
            np.zeros(num_tracks, np.float32),
            town.music.latents,
        )
        plays, fits = _by_genre(queries, tracks)
        rows, scores = _candidates(town, queries, plays, tracks)
        return cls(town, queries, tracks, fits, rows, scores)

    @cached_property
    def _chosen(self) -> Rows:
        """[num_users, K] int32: reranking is left out, the best stand first."""
        return np.tile(np.arange(K, dtype=np.int32), (len(self.rows), 1))

    @cached_property
    def _rules(self) -> dict[str, Any]:
        return {"tracks": self.tracks, "rates": self.rates, "weights": RerankWeights()}

    def slates(self, policy: Exploration) -> tuple[Rows, npt.NDArray[np.float32]]:
        """Draw everybody's slate [num_users, K], with propensities."""
        scored = (self.rows, self.scores)
        places, propensities = explore(scored, self._chosen, self.queries, policy, **self._rules)
        return np.take_along_axis(self.rows, places, axis=1), propensities

    def chances(self, policy: Exploration) -> Chances:
        """Return what `slates` may draw."""
        return chances((self.rows, self.scores), self._chosen, self.queries, policy, self._rules)

    def week(self, slates: Rows, seed: int) -> tuple[Rows, Doubles]:
        """Let a week go by with slates on offer, from the town as it is.

        Returns:
            [m] int32 listener of each session that opened a slate, and [m, K] float64: 1 where the track at a place was played
            and not skipped, else 0.
        """
        week = self.town.forked(seed).live(slates)
        log, of_slate = week.log, week.from_slate
        sessions, owners = np.unique(log.sessions[of_slate], return_inverse=True)
        wanted = log.played_ms[of_slate] > SKIP_MS
        users = np.zeros(len(sessions), np.int32)
        users[owners] = log.users[of_slate]
        same = slates[users[owners]] == log.tracks[of_slate][:, None]
        rewards = np.zeros((len(sessions), K))
        np.maximum.at(rewards, owners, same & wanted[:, None])
        return users, rewards


def _queries(
    num_users: int,
    users: Rows,
    tracks: Rows,
    played_ms: npt.NDArray[np.int64],
    times_ms: npt.NDArray[np.int64],
) -> Queries:
    """Return everybody's history; a skip is worth -1, anything else 1."""
    own = users < num_users
    order = np.flatnonzero(own)[np.argsort(users[own], kind="stable")]
    counts = np.bincount(users[order], minlength=num_users)
    as_of = WARM_WEEKS * DAYS_PER_WEEK * DAY_MS // 1000
    return Queries(
        np.arange(num_users, dtype=np.int32),
        np.full(num_users, as_of, np.int64),
        np.zeros(num_users, np.int32),
        np.ones(num_users, np.bool_),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        tracks[order].astype(np.int32),
        times_ms[order] // 1000,
        np.where(played_ms[order] > SKIP_MS, 1, -1).astype(np.float32),
        np.zeros(len(order), np.int32),
    )


def _by_genre(queries: Queries, tracks: TrackColumns) -> tuple[Doubles, Doubles]:
    """Return [num_users, num_genres] plays by main genre, and [num_genres] everybody's share of plays that were not skipped."""
    genres = tracks.genre_rows[queries.track_rows, 0]
    shape = (len(queries), tracks.num_genres)
    plays, all_plays = np.zeros(shape), np.zeros(shape)
    np.add.at(all_plays, (queries.owners, genres), 1)
    np.add.at(plays, (queries.owners, genres), queries.strengths > 0)
    return plays, (plays.sum(axis=0) + 1) / (all_plays.sum(axis=0) + 2)


def _candidates(
    town: Town, queries: Queries, plays: Doubles, tracks: TrackColumns
) -> tuple[Rows, npt.NDArray[np.float32]]:
    """Return everybody's best unheard tracks: of genres that they play, and popular."""
    popular = np.log1p(np.bincount(queries.track_rows, minlength=len(tracks.artist_rows)))
    known = np.log1p(plays)[:, tracks.genre_rows[:, 0]]
    scores = KNOWN_SHARE * known / known.max() + (1 - KNOWN_SHARE) * popular / popular.max()
    scores[queries.owners, queries.track_rows] = -np.inf
    scores[:, town.music.release_days >= WARM_WEEKS * DAYS_PER_WEEK] = -np.inf
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :CANDIDATES].astype(np.int32)
    return rows, np.take_along_axis(scores, rows.astype(np.int64), axis=1).astype(np.float32)
