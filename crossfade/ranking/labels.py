"""What a ranker learns from: queries as of a moment, and what their users went on to want and to skip."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.features.next_tracks import NextTracks
from crossfade.features.pairs import Pairs, at
from crossfade.features.statistics import LISTEN_STRENGTH
from crossfade.schema.ids import Rows

MOMENTS_A_SESSION: Final = 20  # most that teach of one session
MOST_MOMENTS: Final = 5000  # bounds the time: sessions have far more moments than users have days


@dataclass(frozen=True)
class Examples:
    """n queries as of one moment, and the tracks that they wanted afterwards.

    Args:
        queries: n queries with their histories, no user twice.
        wanted: The distinct (query, track) pairs.
        grades: [pairs] int32: 2 when saved, 1 when listened to.
        unwanted: The distinct (query, track) pairs that were skipped early; a pair may be wanted at another time.
    """

    queries: Queries
    wanted: Pairs
    grades: Rows
    unwanted: Pairs

    @classmethod
    def of(cls, dataset: Dataset, user_rows: Rows, as_of: int, end: int) -> "Examples":
        """Cut the queries of users [n] (sorted, distinct) at a moment; [as_of, end) tells what they wanted."""
        later = dataset.interactions.between(as_of, end)
        later = later.where(np.isin(later.user_rows, user_rows))
        liked = later.where(later.positive)
        wanted, unwanted = (
            Pairs.of(np.searchsorted(user_rows, acts.user_rows), acts.track_rows, len(dataset.catalogue))
            for acts in (liked, later.where(later.strengths < 0))
        )
        saved = wanted.total((liked.strengths > LISTEN_STRENGTH).astype(np.float32)) > 0
        return cls(dataset.queries(user_rows, as_of), wanted, 1 + saved.astype(np.int32), unwanted)

    def labels(self, rows: Rows, first: int = 0) -> Rows:
        """Return the grades [b, c] int32 of tracks [b, c] of the queries from `first` on.

        0 for what was skipped early or not heard.
        """
        return at(self.grades, self.wanted.places(rows, first), 0).astype(np.int32)

    def skipped(self, rows: Rows, first: int = 0) -> npt.NDArray[np.bool_]:
        """Return [b, c] bool: tracks [b, c] that the queries from `first` on skipped early and never wanted."""
        return (self.unwanted.places(rows, first) >= 0) & (self.wanted.places(rows, first) < 0)


def examples(dataset: Dataset, start: int, end: int, *, max_users: int, seed: int) -> list[Examples]:
    """Cut the examples of [start, end): its users as of the start, and again after each day they listened on.

    Every query knows what happened before its own moment and is judged by the rest of the period; so users who were
    new at the start teach too. Without timestamps there is only the start.

    Args:
        dataset: Interactions before and inside the period.
        start: UTC seconds; retrieval may have learned from what happened before, from nothing later.
        end: UTC seconds, exclusive.
        max_users: Queries (a user at a moment) are drawn when there are more.
        seed: Of the draw.

    Returns:
        One entry for each moment.
    """
    acts = dataset.interactions
    asked = {start: np.unique(acts.between(start, end).user_rows)}
    if dataset.split.has_time:
        for moment in range(start + SECONDS_PER_DAY, end, SECONDS_PER_DAY):
            asked[moment] = np.unique(acts.between(moment - SECONDS_PER_DAY, moment).user_rows)
    edges = np.cumsum([len(users) for users in asked.values()])
    drawn = np.zeros(edges[-1], np.bool_)
    drawn[np.random.default_rng(seed).permutation(edges[-1])[:max_users]] = True
    parts = zip(asked.items(), np.split(drawn, edges[:-1]), strict=True)
    return [Examples.of(dataset, users[chosen], moment, end) for (moment, users), chosen in parts]


@dataclass(frozen=True)
class NextTrackExamples:
    """n queries in the midst of sessions, and the track that was wanted next.

    Args:
        queries: n queries, whose histories end with the running session.
        track_rows: [n] int32 what came next.
        grades: [n] int32: 2 when saved, 1 when listened to.
    """

    queries: Queries
    track_rows: Rows
    grades: Rows

    def labels(self, rows: Rows, first: int = 0) -> Rows:
        """Return the grades [b, c] int32 of tracks [b, c] of the queries from `first` on."""
        asked = slice(first, first + len(rows))
        return np.where(rows == self.track_rows[asked, None], self.grades[asked, None], 0).astype(np.int32)

    def skipped(self, rows: Rows, first: int = 0) -> npt.NDArray[np.bool_]:  # noqa: ARG002  # the contract's
        """Return [b, c] false: what was skipped on the way to the next track stands in the history already."""
        return np.zeros(rows.shape, np.bool_)


def next_track_examples(
    dataset: Dataset, start: int, end: int, *, max_users: int, seed: int
) -> list[NextTrackExamples]:
    """Cut the examples of the sessions in [start, end): every moment knows what happened before it, repeats are wanted, too.

    Args:
        dataset: Interactions before and inside the period.
        start: UTC seconds; retrieval may have learned from what happened before, from nothing later.
        end: UTC seconds, exclusive.
        max_users: At most about so many queries (a user at a moment), and 5,000, are drawn.
        seed: Of the draw.

    Raises:
        TrainingError: There is no session of two listens in the period.
    """
    moments = NextTracks.of(
        dataset,
        start,
        end,
        most_sessions=max(min(max_users, MOST_MOMENTS) // MOMENTS_A_SESSION, 1),
        most_moments=MOMENTS_A_SESSION,
        seed=seed,
    )
    saved = dataset.interactions.strengths[moments.targets] > LISTEN_STRENGTH
    queries = moments.queries(0, len(moments))
    return [NextTrackExamples(queries, moments.track_rows, 1 + saved.astype(np.int32))]
