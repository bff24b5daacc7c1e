"""The moments of sessions at which a next track was wanted: what the radio learns from and is judged by."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Int64s, Interactions, Queries
from crossfade.features.running_sessions import Sessions, with_sessions
from crossfade.schema.errors import TrainingError
from crossfade.schema.ids import Rows

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NextTracks:
    """n moments in sessions of a period, and the track that was wanted next at each.

    A moment is a positive listen that is not the session's first. What is known at it is the session so far
    (strictly before its second, so that a save and its listen do not tell of each other) and all that the user
    did before the session began. Repeats count: people play a track again.

    Args:
        dataset: With the interactions that the places below stand for.
        targets: [n] int64 places in the interactions of what came next, ascending.
        begins: [n] int64 place of the first entry of each target's session.
        ends: [n] int64 place after the last entry of the session that is known.
        sessions: [n] int64, numbered from 0 without gaps, ascending.
        num_eligible: Sessions with a moment before `most_sessions` of them were drawn.
    """

    dataset: Dataset
    targets: Int64s
    begins: Int64s
    ends: Int64s
    sessions: Int64s
    num_eligible: int

    def __len__(self) -> int:
        """Return the number of moments."""
        return len(self.targets)

    @classmethod
    def of(
        cls, dataset: Dataset, start: int, end: int, *, most_sessions: int, most_moments: int, seed: int
    ) -> "NextTracks":
        """Find the moments of the sessions that lie in [start, end).

        Args:
            dataset: Sorted by user, then time; what is later than the period is not looked at.
            start: UTC seconds; a session that began before is left out.
            end: UTC seconds, exclusive.
            most_sessions: So many sessions are drawn when there are more.
            most_moments: So many moments are drawn of a session that has more.
            seed: Of both draws.

        Raises:
            TrainingError: No session of the period has a positive listen after its first.
        """
        dataset = dataset.on_time
        acts = dataset.interactions
        begins, ends = _session_begins(acts), _moment_begins(acts)
        inside = (acts.seconds[begins] >= start) & (acts.seconds < end)
        targets = np.flatnonzero(inside & acts.positive & (ends > begins))
        eligible = np.unique(begins[targets])
        if not len(eligible):
            raise TrainingError(
                f"The next track needs sessions of two listens or more between seconds {start} and {end}, and "
                f"found none among {len(acts)} interactions; it cannot be judged where listens have no timestamps."
            )
        rng = np.random.default_rng(seed)
        drawn = rng.permutation(eligible)[:most_sessions]
        targets = _drawn_within(targets[np.isin(begins[targets], drawn)], begins, most_moments, rng)
        numbers = np.unique(begins[targets], return_inverse=True)[1].astype(np.int64)
        return cls(dataset, targets, begins[targets], ends[targets], numbers, len(eligible))

    @property
    def track_rows(self) -> Rows:
        """[n] int32: what came next."""
        return self.dataset.interactions.track_rows[self.targets]

    def is_repeat(self) -> Bools:
        """Tell which targets [n] were played in the session so far."""
        tracks = self.dataset.interactions.track_rows
        places = zip(self.targets, self.begins, self.ends, strict=True)
        return np.array([tracks[place] in tracks[begin:end] for place, begin, end in places], np.bool_)

    def queries(self, first: int, stop: int) -> Queries:
        """Return what is known at moments first:stop, with the session appended as a server appends it."""
        acts, dataset = self.dataset.interactions, self.dataset
        targets, begins = self.targets[first:stop], self.begins[first:stop]
        users = acts.user_rows[targets]
        asked = dataset.users
        offsets, before = _ranges(dataset.user_offsets[users], begins)
        session_offsets, played = _ranges(begins, self.ends[first:stop])
        queries = Queries(
            users,
            acts.seconds[targets],
            asked.country_rows[users],
            asked.explicit_allowed[users],
            offsets,
            acts.track_rows[before],
            acts.seconds[before],
            acts.strengths[before],
            acts.sessions[before],
        )
        return with_sessions(
            queries, Sessions(session_offsets, acts.track_rows[played], acts.strengths[played])
        )


def _session_begins(acts: Interactions) -> Int64s:
    """Return the place of the first entry of each entry's session [n]."""
    return _run_begins(np.diff(acts.sessions) != 0, len(acts))


def _moment_begins(acts: Interactions) -> Int64s:
    """Return the place of the first entry of the same user and second [n]."""
    return _run_begins((np.diff(acts.user_rows) != 0) | (np.diff(acts.seconds) != 0), len(acts))


def _run_begins(changes: Bools, length: int) -> Int64s:
    begins = np.zeros(length, np.int64)
    begins[1:] = np.where(changes, np.arange(1, length), 0)
    return np.maximum.accumulate(begins)


def _drawn_within(targets: Int64s, begins: Int64s, most: int, rng: np.random.Generator) -> Int64s:
    """Draw at most so many targets of each session, and return them ascending."""
    shuffled = rng.permutation(targets)
    order = np.argsort(begins[shuffled], kind="stable")
    by_session = shuffled[order]
    place = np.arange(len(order)) - np.searchsorted(begins[by_session], begins[by_session])
    return np.sort(by_session[place < most])


def _ranges(firsts: Int64s, stops: Int64s) -> tuple[Int64s, Int64s]:
    """Return the offsets [n + 1] and the entries [m] of n ranges one after the other."""
    counts = np.maximum(stops - firsts, 0)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return offsets, np.repeat(firsts - offsets[:-1], counts) + np.arange(offsets[-1])
