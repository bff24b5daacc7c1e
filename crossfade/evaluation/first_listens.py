"""Listeners of whom nothing but their first listens is known, judged on what they go on to like."""

import hashlib
from typing import Final

import numpy as np

from crossfade.evaluation.cohorts import user_cohorts
from crossfade.evaluation.popularity import Popularity
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Int64s, Interactions, Queries
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import Rows

FIRST_LISTENS: Final = 3


def first_listens_truth(
    dataset: Dataset, known: Dataset, user_rows: Rows, num_listens: int = FIRST_LISTENS
) -> Truth:
    """Cut each listener's history to the first positive listens of the test period; what follows in it is the truth.

    Relevant are the tracks that were liked later than the last of those listens and are not among them. Each query is
    asked just after that listen, and knows nothing else of its listener but the country.

    Args:
        dataset: With the test period of the listeners.
        known: What models were fitted on: nothing of these listeners, nothing from the test period on.
        user_rows: [u] int32 the listeners; those with too few listens are left out.
        num_listens: How many listens are known.

    Raises:
        TrainingError: No listener likes another track after so many listens.
    """
    split = dataset.split
    acts = dataset.interactions.between(split.test_start, split.end)
    liked = acts.where(acts.positive & np.isin(acts.user_rows, user_rows))
    early, late = _parted(liked, num_listens)
    num_tracks = len(dataset.catalogue)
    wanted = np.setdiff1d(_pairs(liked.where(late), num_tracks), _pairs(liked.where(early), num_tracks))
    users = np.unique(wanted // max(num_tracks, 1)).astype(np.int32)
    if not len(users):
        raise TrainingError(
            f"Judging by the first {num_listens} listens needs listeners who like more tracks after them in the test period, "
            f"and found none among {len(user_rows)}; lengthen split.test_days."
        )
    offsets = np.append(np.searchsorted(wanted // num_tracks, users), len(wanted)).astype(np.int64)
    tracks = (wanted % num_tracks).astype(np.int32)
    histories = liked.where(early & np.isin(liked.user_rows, users))
    queries = _queries(dataset, users, histories, num_listens)
    popularity = Popularity.of(known, split.test_start)
    cohorts = user_cohorts(queries, popularity, dataset.users)
    digest = hashlib.sha256(offsets.tobytes() + tracks.tobytes() + users.tobytes()).hexdigest()
    return Truth(queries, offsets, tracks, cohorts, dataset.catalogue, popularity, len(users), digest)


def _parted(liked: Interactions, num_listens: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which listens are each user's first, and which are later in time than all of those: [n] bool both."""
    firsts = np.searchsorted(liked.user_rows, liked.user_rows)
    places = np.arange(len(liked)) - firsts
    last = np.minimum(firsts + num_listens - 1, len(liked) - 1)
    is_enough = liked.user_rows[last] == liked.user_rows
    early = (places < num_listens) & is_enough
    return early, is_enough & ~early & (liked.seconds > liked.seconds[last])


def _pairs(acts: Interactions, num_tracks: int) -> Int64s:
    return acts.user_rows.astype(np.int64) * num_tracks + acts.track_rows


def _queries(dataset: Dataset, users: Rows, histories: Interactions, num_listens: int) -> Queries:
    """Return one query a user, all with histories of the same length, just after the last listen."""
    return Queries(
        users,
        histories.seconds[num_listens - 1 :: num_listens] + 1,
        dataset.users.country_rows[users],
        dataset.users.explicit_allowed[users],
        np.arange(len(users) + 1, dtype=np.int64) * num_listens,
        histories.track_rows,
        histories.seconds,
        histories.strengths,
        histories.sessions,
    )
