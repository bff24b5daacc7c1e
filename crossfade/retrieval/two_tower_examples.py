"""Training examples of the two-tower model as columns, and what the towers read of a track."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import UNKNOWN_DAY, Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY, Codes, Floats, Int64s, Interactions
from crossfade.features.traits import time_codes, unknown
from crossfade.schema import columns as c
from crossfade.schema.ids import Rows

# A target that the user had heard before is easy and nothing that Discover Weekly may recommend.
REPEAT_WEIGHT: Final = 0.2
# Taste and catalogue move on: an example loses half its weight in this many days.
EXAMPLE_HALF_LIFE_DAYS: Final = 90.0
# A single broken number must not outweigh everything else that is known of a track.
MOST_DEVIATIONS: Final = 5.0


def track_features(
    catalogue: Catalogue, as_of: int, trained: npt.NDArray[np.bool_]
) -> tuple[list[str], Floats]:
    """Return what a track's numbers say: release age, audio features and audio vector, standardised.

    Args:
        catalogue: The tracks.
        as_of: UTC seconds at which ages are measured; later releases have age 0.
        trained: [num_tracks] bool; means and deviations are taken over these tracks only.

    Returns:
        Names [num_features], and [num_tracks, num_features] float32: values with mean 0 and deviation 1 over
        the trained tracks that have them, 0 where missing, then a flag for each value that some track lacks.
        Numbers that do not vary are left out.
    """
    names, values = _numbers(catalogue, as_of)
    missing = np.isnan(values)
    present = np.maximum((~missing & trained[:, None]).sum(axis=0), 1)
    mean = (np.where(missing, 0, values) * trained[:, None]).sum(axis=0) / present
    centred = np.where(missing, 0, values - mean)
    deviation = np.sqrt((centred**2 * trained[:, None]).sum(axis=0) / present)
    telling = np.flatnonzero(deviation > 1e-9)
    gaps = telling[missing[:, telling].any(axis=0)]
    scaled = np.clip(centred[:, telling] / deviation[telling], -MOST_DEVIATIONS, MOST_DEVIATIONS)
    kept = [names[i] for i in telling] + [f"{names[i]}_missing" for i in gaps]
    return kept, np.hstack([scaled, missing[:, gaps]]).astype(np.float32)


def _numbers(catalogue: Catalogue, as_of: int) -> tuple[list[str], npt.NDArray[np.float64]]:
    days = as_of / SECONDS_PER_DAY - catalogue.release_days
    ages = np.where(catalogue.release_days == UNKNOWN_DAY, np.nan, np.log1p(np.maximum(days, 0)))
    vectors = catalogue.audio_vectors
    vectors = np.where(vectors.any(axis=1, keepdims=True), vectors, np.nan)
    names = [c.RELEASE_DATE, *c.AUDIO_FEATURES, *(f"{c.AUDIO_VECTOR}_{i}" for i in range(vectors.shape[1]))]
    return names, np.column_stack([ages, catalogue.audio, vectors]).astype(np.float64)


@dataclass(frozen=True)
class Examples:
    """Positive interactions in order of user, then time; each is a target whose history stands before it.

    The history of example i, most recent first, is entries `ends[i] - 1`, `ends[i] - 2`, ... down to
    `starts[i]` of `track_rows` and `seconds`: of the same user and strictly before the target's second. It
    ends before the target's session, where anything stands there: the next track of a running session is
    easier to guess than what a user will want next week, and follows other rules.

    Args:
        user_rows: [n] int32.
        track_rows: [n] int32 targets.
        seconds: [n] int64.
        starts: [n] int64 first entry of the user.
        ends: [n] int64 one past the last entry that the history may hold.
        weights: [n] float32.
        country_rows: [n] int32, -1 unknown.
        traits: [n, 6] int8: age, then device, shuffle, context, hour and weekday of the start of the target's
            session, which are known before the target is.
    """

    user_rows: Rows
    track_rows: Rows
    seconds: Int64s
    starts: Int64s
    ends: Int64s
    weights: Floats
    country_rows: Rows
    traits: Codes

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.user_rows)

    @classmethod
    def of(cls, dataset: Dataset) -> "Examples":
        """Cut the examples of a dataset; without real times, age weighs nothing. Back-fills are no part."""
        dataset = dataset.on_time
        acts = dataset.interactions
        novel = first_encounters(acts, len(dataset.catalogue))[acts.positive]
        chosen = acts.where(acts.positive)
        starts, ends = _histories(chosen)
        newest = chosen.seconds.max(initial=0)
        ages = (newest - chosen.seconds) / SECONDS_PER_DAY * dataset.split.has_time
        weights = (
            chosen.strengths * np.where(novel, 1.0, REPEAT_WEIGHT) * 0.5 ** (ages / EXAMPLE_HALF_LIFE_DAYS)
        )
        return cls(
            chosen.user_rows,
            chosen.track_rows,
            chosen.seconds,
            starts,
            ends,
            weights.astype(np.float32),
            dataset.users.country_rows[chosen.user_rows],
            _traits(dataset, chosen),
        )


def _traits(dataset: Dataset, chosen: Interactions) -> Codes:
    """Return what is known of listeners and sessions of interactions [n] before they happen, [n, 6]."""
    acts = dataset.interactions
    profiles = dataset.profiles(chosen.user_rows, chosen.seconds)
    traits = unknown(len(chosen)) if profiles is None else profiles
    sessions, first = np.unique(acts.sessions, return_index=True)
    begins = first[np.searchsorted(sessions, chosen.sessions)]
    situation, moment = slice(1, 1 + len(c.SITUATION)), slice(1 + len(c.SITUATION), None)
    if acts.situations is not None:
        traits[:, situation] = acts.situations[begins]
    if dataset.split.has_time:
        traits[:, moment] = time_codes(acts.seconds[begins], dataset.traits)
    return traits


def first_encounters(acts: Interactions, num_tracks: int) -> npt.NDArray[np.bool_]:
    """Return [n] bool: the user's first interaction of any strength with that track."""
    _, first = np.unique(acts.user_rows.astype(np.int64) * num_tracks + acts.track_rows, return_index=True)
    encounters = np.zeros(len(acts), np.bool_)
    encounters[first] = True
    return encounters


def _histories(chosen: Interactions) -> tuple[Int64s, Int64s]:
    """Return where each entry's history starts and ends."""
    new_user = np.diff(chosen.user_rows, prepend=-1) != 0
    new_moment = new_user | (np.diff(chosen.seconds, prepend=-1) != 0)
    new_session = new_user | (np.diff(chosen.sessions, prepend=-1) != 0)
    starts, moments, sessions = _last_true(new_user), _last_true(new_moment), _last_true(new_session)
    return starts, np.where(sessions > starts, np.minimum(sessions, moments), moments)


def _last_true(marks: npt.NDArray[np.bool_]) -> Int64s:
    """Return [n] the nearest place at or before each place whose mark is set."""
    return np.maximum.accumulate(np.where(marks, np.arange(len(marks)), 0)).astype(np.int64)


@dataclass(frozen=True)
class HardNegatives:
    """Tracks that users skipped early and never wanted, by user (a CSR layout).

    Args:
        offsets: [num_users + 1] int64.
        track_rows: [m] int32; those of user u stand at offsets[u]:offsets[u + 1].
    """

    offsets: Int64s
    track_rows: Rows

    @classmethod
    def of(cls, dataset: Dataset) -> "HardNegatives":
        """Collect the negatives of a dataset; tracks that the same user also wanted are none."""
        acts = dataset.interactions
        keys = acts.user_rows.astype(np.int64) * len(dataset.catalogue) + acts.track_rows
        skipped = (acts.strengths < 0) & ~np.isin(keys, keys[acts.positive])
        counts = np.bincount(acts.user_rows[skipped], minlength=len(dataset.users))
        return cls(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), acts.track_rows[skipped])


def sampling_probabilities(targets: Rows, negatives: Rows, num_tracks: int, ratio: float) -> Floats:
    """Return how often each track stands among a batch's candidates, the most frequent one at 1.

    Only ratios matter to the softmax; this scale keeps them inside the bounds of TensorFlow Recommenders'
    logQ correction (Yi et al., 2019), which clips to [1e-6, 1].

    Args:
        targets: [n] int32 targets of all examples.
        negatives: [m] int32 hard negatives.
        num_tracks: Size of the catalogue.
        ratio: Hard negatives per target in a batch.

    Returns:
        [num_tracks] float32.
    """
    shares = np.bincount(targets, minlength=num_tracks) / max(len(targets), 1)
    shares += ratio * np.bincount(negatives, minlength=num_tracks) / max(len(negatives), 1)
    return np.asarray(np.maximum(shares / max(shares.max(initial=0), 1e-12), 1e-6), np.float32)
