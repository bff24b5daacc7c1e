"""Whether reasons are true: the evidence is taken away, and the track must fall."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Queries
from crossfade.recommender.filters import Exclusions
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.recommender.wording import ReasonKind
from crossfade.schema.ids import NO_ROW, Rows

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
Pieces = tuple[Int64s, Int64s, Int64s]
Judge = Callable[[Sequence[Slates]], list[Bools]]

ALL: Final = slice(None)
BATCH_CLAIMS: Final = 512  # taken away together; bounds memory

# Of each kind the one that it is judged as: a new release rests on the listens of its artist, too.
AS_CLAIMED: Final = np.array(
    [ReasonKind.ARTIST if kind == ReasonKind.NEW_RELEASE else kind for kind in ReasonKind], np.int64
)
# As kernels read them.
LISTENED, BY_AN_ARTIST = int(ReasonKind.LISTENED_TRACK), int(ReasonKind.ARTIST)
HISTORY: Final = int(ReasonKind.SIMILAR_LISTENERS)


class Recommends(Protocol):
    """What verification needs of a recommender."""

    @property
    def catalogue(self) -> Catalogue:
        """The tracks."""
        ...

    def exclusions(self, requests: Requests) -> Exclusions:
        """Return the mask of what must not be shown to the requests."""
        ...

    def choose(
        self, requests: Requests, excluded: Exclusions, *, muted_popular: Bools | None = None
    ) -> Slates:
        """Return slates without reasons."""
        ...


@dataclass(frozen=True)
class Claims:
    """The distinct pieces of evidence that slates rest on.

    Args:
        requests: [m] int64, the request of each.
        kinds: [m] int64 `ReasonKind`.
        rows: [m] int64 track, artist or country.
        places: [n, k] int64, the claim of each place, -1 where there is no reason.
    """

    requests: Int64s
    kinds: Int64s
    rows: Int64s
    places: Int64s

    def __len__(self) -> int:
        """Return the number of pieces."""
        return len(self.requests)

    def pieces(self, chosen: Int64s | slice = ALL) -> Pieces:
        """Return the requests, kinds and rows of some pieces."""
        return self.requests[chosen], self.kinds[chosen], self.rows[chosen]

    @property
    def slots(self) -> Rows:
        """[m, w] int32 places of its slate that rest on each claim, w at most; padded with -1."""
        filled = self.places[self.places >= 0]
        counts = np.bincount(filled, minlength=len(self))
        found = np.full((len(self), counts.max(initial=0)), NO_ROW, np.int32)
        _read_slots(self.places, found, np.zeros(len(self), np.int64))
        return found

    @classmethod
    def of(cls, slates: Slates) -> "Claims":
        """Collect what slates claim."""
        claiming = slates.reason_kinds != ReasonKind.NONE
        kinds = AS_CLAIMED[slates.reason_kinds]
        # One whole number a claim, which sorts many times faster than three columns; no row is -1, and comes first.
        owners = np.nonzero(claiming)[0] * len(ReasonKind) + kinds[claiming]
        keys = (owners << 32) + slates.reason_rows[claiming] + 1
        distinct, inverse = np.unique(keys, return_inverse=True)
        places = np.full(claiming.shape, NO_ROW, np.int64)
        places[claiming] = inverse.ravel()
        owners, rows = distinct >> 32, (distinct & ((1 << 32) - 1)) - 1
        return cls(owners // len(ReasonKind), owners % len(ReasonKind), rows, places)


@numba.njit(cache=True, nogil=True)
def _read_slots(places, found, counts):  # type: ignore[no-untyped-def]
    """Fill found [m, w] from the claims of places [n, k]; counts [m] is 0 before."""
    for query in range(len(places)):
        for slot in range(places.shape[1]):
            claim = places[query, slot]
            if claim >= 0:
                found[claim, counts[claim]] = slot
                counts[claim] += 1


def verified(recommender: Recommends, requests: Requests, slates: Slates) -> Slates:
    """Return the slates with true reasons only, as `verify` judges; about ten times the cost of the slates themselves."""
    return with_true_reasons(requests, slates, partial(_verify_in_turn, recommender, requests))


def with_true_reasons(requests: Requests, slates: Slates, judge: Judge) -> Slates:
    """Return the slates with true reasons only.

    A reason that does not hold gives way to a broader one, the whole history, then popularity; where none holds,
    there is none.

    Args:
        requests: n requests.
        slates: Their n slates with likely reasons.
        judge: Tells of slates of the same tracks which reasons hold, [n, k] bool each; a place without a reason does not, nor
            one where a reason of earlier slates does.
    """
    kinds, rows = slates.reason_kinds, slates.reason_rows
    (holds,) = judge([slates])
    has_history = (np.diff(requests.queries.positives.offsets) > 0)[:, None]
    is_open = ~holds & (slates.rows >= 0)
    nowhere = np.full(rows.shape, NO_ROW, np.int32)
    broader = [
        replace(
            slates, reason_kinds=np.where(tried, np.int8(kind), np.int8(ReasonKind.NONE)), reason_rows=nowhere
        )
        for kind, tried in (
            (ReasonKind.SIMILAR_LISTENERS, is_open & has_history),
            (ReasonKind.POPULAR, is_open),
        )
    ]
    for tried, found in zip(broader, judge(broader), strict=True):
        kinds, rows = np.where(found, tried.reason_kinds, kinds), np.where(found, tried.reason_rows, rows)
        holds = holds | found
    return replace(
        slates,
        reason_kinds=np.where(holds, kinds, np.int8(ReasonKind.NONE)),
        reason_rows=np.where(holds, rows, np.int32(NO_ROW)),
    )


def _verify_in_turn(
    recommender: Recommends, requests: Requests, alternatives: Sequence[Slates]
) -> list[Bools]:
    """Judge the reasons of some slates of the same tracks by `verify`, as `with_true_reasons` asks."""
    found: list[Bools] = []
    for slates in alternatives:
        is_held = np.any(found, axis=0) if found else np.zeros(slates.rows.shape, np.bool_)
        kinds = np.where(is_held, np.int8(ReasonKind.NONE), slates.reason_kinds)
        found.append(verify(recommender, requests, replace(slates, reason_kinds=kinds)))
    return found


def verify(recommender: Recommends, requests: Requests, slates: Slates) -> Bools:
    """Take each reason's evidence away, recommend again, and see whether the track falls.

    Evidence is every listen of a track, every listen of an artist, the whole history, the request's country,
    or (popular everywhere) all that is known of popularity. The rest stays, filters included: a heard track does
    not come back because its listens were taken away.

    Args:
        recommender: That made the slates.
        requests: n requests.
        slates: Their n slates.

    Returns:
        [n, k] bool, true where the place has a reason and the track, without its evidence, has a lower score
        and a later place, or none.
    """
    claims = Claims.of(slates)
    holds = np.zeros(slates.rows.shape, np.bool_)
    for start in range(0, len(claims), BATCH_CLAIMS):
        stop = min(start + BATCH_CLAIMS, len(claims))
        chosen = np.arange(start, stop)
        again = _recommended_without(recommender, requests, claims, chosen)
        queries, places = np.nonzero((claims.places >= start) & (claims.places < stop))
        answers = again.rows[claims.places[queries, places] - start]
        found = answers == slates.rows[queries, places][:, None]
        scores = np.where(found, again.scores[claims.places[queries, places] - start], -np.inf).max(axis=1)
        is_later = ~found.any(axis=1) | (found.argmax(axis=1) > places)
        holds[queries, places] = is_later & (scores < slates.scores[queries, places])
    return holds


def _recommended_without(
    recommender: Recommends, requests: Requests, claims: Claims, chosen: Int64s
) -> Slates:
    """Recommend once for each of the chosen claims, without its evidence; slates [len(chosen), k]."""
    reduced, muted = without_evidence(requests, claims.pieces(chosen), recommender.catalogue)
    excluded = recommender.exclusions(requests.take(claims.requests[chosen]))
    return recommender.choose(reduced, excluded, muted_popular=muted)


def without_evidence(requests: Requests, pieces: Pieces, catalogue: Catalogue) -> tuple[Requests, Bools]:
    """Take evidence away, piece by piece.

    Args:
        requests: n requests.
        pieces: m of them, the request, `ReasonKind` and row of each.
        catalogue: The tracks.

    Returns:
        The requests of the m pieces without them in their histories and countries, and [m] bool, those that are to go
        without all that is known of popularity.
    """
    owners, kinds, rows = pieces
    whole = requests.queries
    most = int(np.diff(whole.offsets)[owners].sum())
    columns = (whole.track_rows, whole.seconds, whole.strengths, whole.sessions)
    kept = tuple(np.empty(most, column.dtype) for column in columns)
    offsets = np.zeros(len(owners) + 1, np.int64)
    _leave_out((whole.offsets, columns), (owners, kinds, rows), catalogue.artist_rows, (offsets, kept))
    queries, muted = asking_without(requests, pieces)
    queries = queries.with_entries(offsets, *(column[: offsets[-1]] for column in kept))
    return requests.with_histories(owners, queries), muted


def asking_without(requests: Requests, pieces: Pieces) -> tuple[Queries, Bools]:
    """Return who asks without each of m pieces, and where, with no history at all; and who goes without popularity, [m] bool."""
    owners, kinds, rows = pieces
    is_popular, is_everywhere = kinds == ReasonKind.POPULAR, rows == NO_ROW
    asking = requests.queries.asking(owners)
    countries = np.where(is_popular & ~is_everywhere, np.int32(NO_ROW), asking.country_rows)
    return replace(asking, country_rows=countries), is_popular & is_everywhere


@numba.njit(cache=True, nogil=True)
def is_evidence(kind, row, track, artist):  # type: ignore[no-untyped-def]
    """Tell whether a listen of a track, by an artist, is what a claim of a kind rests on, for kernels."""
    by_artist = kind == BY_AN_ARTIST and artist == row
    return kind == HISTORY or (kind == LISTENED and track == row) or by_artist


@numba.njit(cache=True, nogil=True)
def _leave_out(histories, claims, artist_rows, kept):  # type: ignore[no-untyped-def]
    """Fill kept offsets and columns with the histories of claims (owners, kinds, rows [m]), less what a claim rests on."""
    (starts, columns), (owners, kinds, rows), (offsets, found), count = histories, claims, kept, 0
    for claim in range(len(owners)):
        kind, row = kinds[claim], rows[claim]
        for entry in range(starts[owners[claim]], starts[owners[claim] + 1]):
            track = columns[0][entry]
            if not is_evidence(kind, row, track, artist_rows[track]):
                found[0][count], found[1][count] = track, columns[1][entry]
                found[2][count], found[3][count] = columns[2][entry], columns[3][entry]
                count += 1
        offsets[claim + 1] = count
