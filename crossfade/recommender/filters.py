"""What a surface must not show: heard, disliked, excluded, unavailable or explicit tracks, or old ones."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import LONG_AGO, UNAVAILABLE, UNKNOWN_DAY, Catalogue
from crossfade.features.interactions import SECONDS_PER_DAY, Int64s
from crossfade.features.prefetching import FAR_AHEAD, fetch
from crossfade.recommender.policy import Policy
from crossfade.recommender.requests import Requests
from crossfade.retrieval.sparse_rows import cleared
from crossfade.retrieval.telling import note_places, noted_place, table_for
from crossfade.schema.ids import Rows

Bools = npt.NDArray[np.bool_]
Marks = npt.NDArray[np.uint8]

HEARD: Final = np.uint8(1)
JUST_PLAYED: Final = np.uint8(2)
DISLIKED: Final = np.uint8(4)
CAUSES: Final = {"heard": HEARD, "just played": JUST_PLAYED, "disliked": DISLIKED}
LONG_SINCE: Final = np.iinfo(np.int64).min
NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Exclusions:
    """A mask over candidate tracks, to be called by sources before they choose and after they merge.

    Args:
        requests: n requests.
        policy: Of their surface.
        catalogue: The tracks.
    """

    requests: Requests
    policy: Policy
    catalogue: Catalogue

    def __call__(self, rows: Rows) -> Bools:
        """Return [n, c] bool, true where the track must not be shown, from [n, c] int32 rows; -1 is true."""
        if not len(self.catalogue):
            return np.ones(rows.shape, np.bool_)
        masked = np.empty(rows.shape, np.bool_)
        _mask(rows, self._excluded, self.catalogue.states, self._rules, masked)
        return masked

    def causes(self, request: int, track: int) -> list[str]:
        """Return why one track must not be shown to one request, in words; empty where it may."""
        catalogue, queries = self.catalogue, self.requests.queries
        released, today = int(catalogue.release_days[track]), int(self._today[request])
        window, refuses = self.policy.new_release_days, not queries.explicit_allowed[request]
        is_old = window and (released == UNKNOWN_DAY or released <= today - window)
        return [
            *self._causes_of_request(request, track),
            *self._causes_of_history(request, track),
            *(["unavailable"] if not catalogue.available[track] else []),
            *(
                ["explicit"]
                if catalogue.explicit[track] and (refuses or self.policy.explicit == "never")
                else []
            ),
            *(["not released yet"] if released > today else []),
            *([f"not released in the last {window} days"] if is_old else []),
        ]

    @cached_property
    def _today(self) -> Int64s:
        return np.asarray(self.requests.queries.as_of // SECONDS_PER_DAY)

    @cached_property
    def _rules(self) -> tuple[Bools, Int64s, int]:
        """Whether each request may get explicit tracks, its day, and the window of releases in days."""
        allowed = self.requests.queries.explicit_allowed & (self.policy.explicit != "never")
        return allowed, self._today, self.policy.new_release_days

    @cached_property
    def _excluded(self) -> tuple[Int64s, Rows, Rows]:
        """Offsets [n + 1] int64 and, for each request, its excluded tracks, of which some may stand there twice; and a table."""
        requests, queries = self.requests, self.requests.queries
        asked = requests.excluded_offsets, requests.excluded_rows, requests.seed_rows
        offsets = np.empty(len(requests) + 1, np.int64)
        tracks = np.empty(len(queries.track_rows) + len(requests.excluded_rows) + len(requests), np.int32)
        most = _gather((queries.offsets, queries.track_rows, self._marks), asked, (offsets, tracks))
        return offsets, tracks, table_for(most)

    @cached_property
    def _marks(self) -> Marks:
        """[m] uint8 why each entry of the histories must not be shown: a sum of `HEARD`, `JUST_PLAYED` and `DISLIKED`."""
        queries, policy = self.requests.queries, self.policy
        marks = np.zeros(len(queries.track_rows), np.uint8)
        if policy.exclude_heard == "all" and not policy.exclude_disliked and not policy.repeat_after_tracks:
            marks[:] = HEARD
            return marks
        histories = queries.offsets, queries.track_rows, queries.seconds, queries.strengths
        rules = self._heard_since, policy.repeat_after_tracks, policy.exclude_disliked
        _mark(histories, rules, cleared(len(self.catalogue)), marks)
        return marks

    @property
    def _heard_since(self) -> Int64s:
        """[n] UTC seconds from which on plays count as heard."""
        queries, heard = self.requests.queries, self.policy.exclude_heard
        if isinstance(heard, str):
            return np.full(len(queries), LONG_SINCE if heard == "all" else NEVER, np.int64)
        return np.asarray(queries.as_of - heard * SECONDS_PER_DAY)

    def _causes_of_request(self, request: int, track: int) -> list[str]:
        """Return which of the request's own wishes leave a track out."""
        requests = self.requests
        first, last = requests.excluded_offsets[request : request + 2]
        is_excluded = track in requests.excluded_rows[first:last]
        is_seed = requests.seed_rows[request] == track
        return ["excluded by the request"] * is_excluded + ["the request's seed"] * bool(is_seed)

    def _causes_of_history(self, request: int, track: int) -> list[str]:
        queries = self.requests.queries
        own = slice(*queries.offsets[request : request + 2])
        causes = np.bitwise_or.reduce(self._marks[own][queries.track_rows[own] == track], initial=np.uint8(0))
        return [name for name, mark in CAUSES.items() if causes & mark]


@numba.njit(cache=True, nogil=True)
def _mask(rows, excluded, states, rules, masked):  # type: ignore[no-untyped-def]
    """Set masked [n, c] to false where a track may be shown.

    `excluded` is offsets and tracks of each request, with a table to note them in; `states` are those of the catalogue's
    tracks, `rules` whether a request may get explicit tracks, its day, and the window of releases in days (0 is any age).
    """
    offsets, left_out, table = excluded
    for request in range(len(rows)):
        own = left_out[offsets[request] : offsets[request + 1]]
        note_places(own, table)
        may_be_explicit, today = rules[0][request], rules[1][request]
        earliest = today - rules[2] if rules[2] > 0 else np.int64(LONG_AGO) - 1
        for place in range(rows.shape[1]):
            if place + FAR_AHEAD < rows.shape[1]:
                fetch(states, rows[request, place + FAR_AHEAD], 0)
            track, masked[request, place] = rows[request, place], True
            if track < 0 or states[track] == UNAVAILABLE or (states[track] & 1 and not may_be_explicit):
                continue
            day = states[track] >> 1
            if earliest < day <= today:
                masked[request, place] = noted_place(track, own, table) >= 0


@numba.njit(cache=True, nogil=True)
def _mark(histories, rules, places, marks):  # type: ignore[no-untyped-def]
    """Add to marks [m] what rules say of entries: heard since [n], how many last tracks wait, whether dislikes count.

    Disliked is a track whose strengths add up to less than 0; places [num_tracks] are 0 before and after.
    """
    (offsets, tracks, seconds, strengths), (heard_since, waiting, refuses_disliked) = histories, rules
    sums = np.empty(len(tracks) if refuses_disliked else 0)
    for query in range(len(offsets) - 1):
        first, last = offsets[query], offsets[query + 1]
        for entry in range(first, last):
            marks[entry] += HEARD * (seconds[entry] >= heard_since[query]) + JUST_PLAYED * (
                last - 1 - entry < waiting
            )
        for entry in range(first, last if refuses_disliked else first):
            track = tracks[entry]
            if places[track] == 0:
                places[track], sums[entry] = entry - first + 1, 0.0
            sums[first + places[track] - 1] += strengths[entry]
        for entry in range(first, last if refuses_disliked else first):
            marks[entry] += DISLIKED * (sums[first + places[tracks[entry]] - 1] < 0)
        for entry in range(first, last if refuses_disliked else first):
            places[tracks[entry]] = 0


@numba.njit(cache=True, nogil=True)
def _gather(histories, asked, excluded):  # type: ignore[no-untyped-def]
    """Fill excluded (offsets [n + 1], tracks) with marked entries of histories and what requests leave out themselves.

    Returns the most of one request.
    """
    (offsets, played, marks), (own_offsets, own, seeds), (found_offsets, tracks) = histories, asked, excluded
    found_offsets[0], count, most = 0, 0, 0
    for query in range(len(seeds)):
        for entry in range(offsets[query], offsets[query + 1]):
            if marks[entry] > 0:
                tracks[count] = played[entry]
                count += 1
        for entry in range(own_offsets[query], own_offsets[query + 1]):
            tracks[count] = own[entry]
            count += 1
        if seeds[query] >= 0:
            tracks[count] = seeds[query]
            count += 1
        found_offsets[query + 1] = count
        most = max(most, count - found_offsets[query])
    return most
