"""What a surface must not show: heard, disliked, excluded, unavailable or explicit tracks, or old ones."""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import LONG_AGO, UNAVAILABLE, UNKNOWN_DAY, Catalogue
from crossfade.features.interactions import SECONDS_PER_DAY, Int64s, Queries
from crossfade.features.prefetching import AHEAD, fetch
from crossfade.recommender.policy import Policy
from crossfade.recommender.requests import Requests
from crossfade.retrieval.telling import note_places, noted_place, table_for
from crossfade.schema.ids import Rows

Bools = npt.NDArray[np.bool_]


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
        masked = np.ones(rows.shape, np.bool_)
        if len(self.catalogue):
            table = table_for(self._most_excluded)
            _mask(rows, (*self._excluded, table), self.catalogue.states, self._rules, masked)
        return masked

    def causes(self, request: int, track: int) -> list[str]:
        """Return why one track must not be shown to one request, in words; empty where it may."""
        catalogue, queries = self.catalogue, self.requests.queries
        released, today = int(catalogue.release_days[track]), int(self._today[request])
        window, refuses = self.policy.new_release_days, not queries.explicit_allowed[request]
        is_old = window and (released == UNKNOWN_DAY or released <= today - window)
        return [
            *(name for name, keys in self._pairs.items() if request * len(catalogue) + track in keys),
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
    def _most_excluded(self) -> int:
        return int(np.diff(self._excluded[0]).max(initial=0))

    @cached_property
    def _excluded(self) -> tuple[Int64s, Rows]:
        """Offsets [n + 1] int64 and, for each request, its excluded tracks; some may stand there twice."""
        # Who must hear nothing again need not be asked what they disliked of it.
        pairs = [self._heard, *self._asked.values()] if self._hears_no_more else [*self._pairs.values()]
        keys = np.concatenate(pairs)
        owners = keys // max(len(self.catalogue), 1)
        counts = np.bincount(owners, minlength=len(self.requests))
        tracks = (keys - owners * len(self.catalogue)).astype(np.int32)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return offsets, tracks[np.argsort(owners, kind="stable")]

    @property
    def _hears_no_more(self) -> bool:
        return self.policy.exclude_heard == "all"

    @cached_property
    def _pairs(self) -> dict[str, Int64s]:
        """Excluded pairs as request * num_tracks + track, by cause."""
        queries, played = self.requests.queries, self._played
        disliked = _disliked(played, queries) if self.policy.exclude_disliked else played[:0]
        recent = played[queries.places_from_end < self.policy.repeat_after_tracks]
        return {**self._asked, "heard": self._heard, "just played": recent, "disliked": disliked}

    @cached_property
    def _asked(self) -> dict[str, Int64s]:
        """Of these what requests themselves exclude."""
        requests, width = self.requests, len(self.catalogue)
        owners = np.repeat(np.arange(len(requests)), np.diff(requests.excluded_offsets))
        seeded = np.flatnonzero(requests.seed_rows >= 0)
        return {
            "excluded by the request": owners * width + requests.excluded_rows,
            "the request's seed": seeded * width + requests.seed_rows[seeded],
        }

    @property
    def _heard(self) -> Int64s:
        return self._played[_counts_as_heard(self.requests.queries, self.policy)]

    @property
    def _played(self) -> Int64s:
        queries = self.requests.queries
        return np.asarray(queries.owners * len(self.catalogue) + queries.track_rows)


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
            if place + AHEAD < rows.shape[1]:
                fetch(states, rows[request, place + AHEAD], 0)
            track = rows[request, place]
            if track < 0 or states[track] == UNAVAILABLE or (states[track] & 1 and not may_be_explicit):
                continue
            day = states[track] >> 1
            if earliest < day <= today:
                masked[request, place] = noted_place(track, own, table) >= 0


def _counts_as_heard(queries: Queries, policy: Policy) -> Bools:
    if isinstance(policy.exclude_heard, str):
        return np.full(len(queries.track_rows), policy.exclude_heard == "all")
    since = queries.as_of - policy.exclude_heard * SECONDS_PER_DAY
    return np.asarray(queries.seconds >= since[queries.owners])


def _disliked(pairs: Int64s, queries: Queries) -> Int64s:
    distinct, places = np.unique(pairs, return_inverse=True)
    return distinct[np.bincount(places, queries.strengths, len(distinct)) < 0]
