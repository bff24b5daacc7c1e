"""What the test users went on to like: the truth that every system is judged by, on the same users."""

import hashlib
from dataclasses import dataclass

import numpy as np

from crossfade.evaluation.cohorts import user_cohorts
from crossfade.evaluation.popularity import Bools, Popularity
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Int64s, Queries
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import Rows
from crossfade.schema.settings import Settings


@dataclass(frozen=True)
class Truth:
    """n test users, what they may be recommended from, and the m tracks that would have been right.

    A track is relevant for a user when it was played positively inside the period and is not in the user's
    history: the surface is for discovery, so a repeat is not a success.

    Args:
        queries: n test users with their histories as of the start.
        offsets: [n + 1] int64, user i's relevant tracks are `track_rows[offsets[i]:offsets[i + 1]]`.
        track_rows: [m] int32, distinct and ascending within a user.
        cohorts: Name of a group of users -> [n] bool.
        catalogue: All tracks, which are all ranked.
        popularity: Counts before the start.
        num_eligible: Test users before `evaluation.max_users` of them were drawn.
        digest: Hex digest of users, relevant tracks and period; two evaluations are comparable when theirs
            are equal.
    """

    queries: Queries
    offsets: Int64s
    track_rows: Rows
    cohorts: dict[str, Bools]
    catalogue: Catalogue
    popularity: Popularity
    num_eligible: int
    digest: str

    def __len__(self) -> int:
        """Return the number of test users."""
        return len(self.queries)

    @classmethod
    def of(cls, dataset: Dataset, start: int, end: int, settings: Settings) -> "Truth":
        """Cut the truth of [start, end) out of a dataset.

        Args:
            dataset: Interactions before, inside and after the period; later ones are not looked at.
            start: UTC seconds; histories end just before.
            end: UTC seconds, exclusive.
            settings: `evaluation.max_users` test users are drawn by `seed` when there are more.

        Raises:
            TrainingError: Nobody has a new positive track in the period.
        """
        users, tracks = _new_positives(dataset, start, end)
        eligible = np.unique(users)
        if not len(eligible):
            raise TrainingError(
                f"Evaluation needs users who liked a track new to them between seconds {start} and {end}, "
                f"and found none among {len(dataset.users)} users; lengthen split.test_days or import newer "
                "events."
            )
        drawn = _drawn(eligible, settings.evaluation.max_users, settings.seed)
        chosen = np.isin(users, drawn)
        users, tracks = users[chosen], tracks[chosen]
        offsets = np.append(np.searchsorted(users, drawn), len(users)).astype(np.int64)
        queries = dataset.queries(drawn, start)
        popularity = Popularity.of(dataset, start)
        return cls(
            queries,
            offsets,
            tracks,
            user_cohorts(queries, popularity, dataset.users),
            dataset.catalogue,
            popularity,
            len(eligible),
            _digest(dataset, drawn, offsets, tracks, f"{start} {end}"),
        )


def _new_positives(dataset: Dataset, start: int, end: int) -> tuple[Rows, Rows]:
    """Return the distinct (user, track) pairs liked in the period and unheard before, sorted."""
    acts, num_tracks = dataset.interactions, max(len(dataset.catalogue), 1)
    pairs = acts.user_rows.astype(np.int64) * num_tracks + acts.track_rows
    inside = (acts.seconds >= start) & (acts.seconds < end) & acts.positive
    fresh = np.setdiff1d(pairs[inside], pairs[acts.seconds < start])
    return (fresh // num_tracks).astype(np.int32), (fresh % num_tracks).astype(np.int32)


def _drawn(eligible: Rows, most: int, seed: int) -> Rows:
    if len(eligible) <= most:
        return eligible
    return np.sort(np.random.default_rng(seed).choice(eligible, most, replace=False))


def _digest(dataset: Dataset, users: Rows, offsets: Int64s, tracks: Rows, period: str) -> str:
    """Hash external ids, not rows: another import may number the same users and tracks differently."""
    digest = hashlib.sha256(period.encode())
    for ids in (dataset.users.ids.names(users), dataset.catalogue.tracks.names(tracks)):
        digest.update("\n".join(map(str, ids)).encode())
    digest.update(offsets.tobytes())
    return digest.hexdigest()
