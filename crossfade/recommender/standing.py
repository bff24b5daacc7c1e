"""How candidates stood against each other, and whether one that says less for itself now falls behind another."""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.candidates import Candidates
from crossfade.features.interactions import Floats
from crossfade.recommender.ranked import Ranked
from crossfade.recommender.slates import Slates
from crossfade.recommender.wording import ReasonKind
from crossfade.schema.ids import NO_ROW, Rows

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

# A source that says the same again may differ in the last bits of a sum.
SAME: Final = 1e-5
# As kernels read them.
ARTIST, LISTENED = int(ReasonKind.ARTIST), int(ReasonKind.LISTENED_TRACK)
# What ties candidates to evidence: artists of tracks [num_tracks], and offsets and columns of item-kNN's neighbours.
Ties = tuple[Rows, npt.NDArray[np.integer], Rows]


@dataclass(frozen=True)
class Standing:
    """How candidates of n requests stood.

    Args:
        ranked: Their scores.
        places: [n, k] int32 where the slates' tracks stand among the candidates, -1 unfilled.
        said: [n, num_sources, depth] float32 what a source said of its track at each rank, and of the rank before
            where that one's track is no candidate; -inf below the last.
    """

    ranked: Ranked
    places: Rows
    said: Floats

    @classmethod
    def of(cls, ranked: Ranked, slates: Slates) -> "Standing":
        """Find the slates' tracks, and order what each source said by its ranks."""
        candidates = ranked.candidates
        depth = int(np.fmax.reduce(candidates.ranks, axis=None, initial=NO_ROW)) + 1
        shape = (len(candidates.rows), candidates.ranks.shape[2], depth)
        said = np.full(shape, -np.inf, np.float32)
        _order(candidates.scores, candidates.ranks, said)
        places = np.full(slates.rows.shape, NO_ROW, np.int32)
        _find(candidates.rows, slates.rows, places)
        return cls(ranked, places, said)

    def told(self, claimed: "Claimed", said: Floats, muted: Bools, source: int) -> Candidates:
        """Return claimed tracks with the ranks that they have by what sources say of them now.

        What no source returns any more is padding; what none returned before was brought by another one that is not asked
        here, which goes on to bring it.

        Args:
            claimed: m claims of w tracks.
            said: [m, w, num_sources] float32; as it was where it is the same again, and NaN below all that stood, in
                place.
            muted: [m] bool, claims that go without what one source says.
            source: That one.
        """
        candidates = self.ranked.candidates
        ranks, rows = np.full(said.shape, np.nan, np.float32), np.full(claimed.places.shape, NO_ROW, np.int32)
        stood = (candidates.scores, candidates.ranks, self.said)
        _rank(stood, claimed.owners, (claimed.places, said), ranks)
        claims = (claimed.owners, claimed.places, muted, source)
        _leave((candidates.rows, candidates.ranks), claims, (rows, said, ranks))
        return Candidates(rows, said, ranks)

    def fallen(self, claimed: "Claimed", scores: Floats, ties: Ties) -> Bools:
        """Tell which claimed tracks lie, by their scores now [m, w], behind a rival whom they were ahead of.

        Candidates that rest on the same evidence are no rivals, since they would fall together: those of the same claim,
        of the artist whose listens are taken away, and those that item-kNN ties to the listen that is.
        """
        fallen = np.zeros(scores.shape, np.bool_)
        stood = (self.ranked.candidates.rows, self.ranked.scores)
        _fall(stood, (claimed.owners, claimed.kinds, claimed.rows), (claimed.places, scores), ties, fallen)
        return fallen


@dataclass(frozen=True)
class Claimed:
    """Claims with the candidates that rest on them.

    Args:
        owners: [m] int64 requests.
        kinds: [m] int64 `ReasonKind`.
        rows: [m] int64 track, artist or country.
        places: [m, w] int32 among the request's candidates, -1 padded.
    """

    owners: Int64s
    kinds: Int64s
    rows: Int64s
    places: Rows


@numba.njit(cache=True, nogil=True)
def _order(scores, ranks, said):  # type: ignore[no-untyped-def]
    """Fill said [n, s, depth] from scores and ranks [n, c, s]."""
    last = np.empty(said.shape[1], np.int64)
    for query in range(said.shape[0]):
        last[:] = -1
        for place in range(ranks.shape[1]):
            for source in range(said.shape[1]):
                if not np.isnan(ranks[query, place, source]):
                    rank = int(ranks[query, place, source])
                    said[query, source, rank] = scores[query, place, source]
                    last[source] = max(last[source], rank)
        for source in range(said.shape[1]):
            for rank in range(1, last[source]):
                if said[query, source, rank] == -np.inf:
                    said[query, source, rank] = said[query, source, rank - 1]


@numba.njit(cache=True, nogil=True)
def _find(candidates, rows, places):  # type: ignore[no-untyped-def]
    """Fill places [n, k] with those of rows [n, k] among candidates [n, c]."""
    for query in range(rows.shape[0]):
        for slot in range(rows.shape[1]):
            row, found = rows[query, slot], np.int32(NO_ROW)
            for place in range(candidates.shape[1] if row >= 0 else 0):
                found = max(found, np.int32(place) if candidates[query, place] == row else np.int32(NO_ROW))
            places[query, slot] = found


@numba.njit(cache=True, nogil=True)
def _rank(stood, owners, now, ranks):  # type: ignore[no-untyped-def]
    """Fill ranks [m, w, s] and set what sources say now where it is as it was, or below all that stood."""
    (scores, stood_ranks, by_rank), (places, said) = stood, now
    for claim in range(places.shape[0]):
        query = owners[claim]
        for slot in range(places.shape[1]):
            place = places[claim, slot]
            for source in range(said.shape[2] if place >= 0 else 0):
                told, before = said[claim, slot, source], scores[query, place, source]
                if np.isnan(told):
                    continue
                if abs(told - before) <= SAME * abs(before):
                    said[claim, slot, source] = before
                    ranks[claim, slot, source] = stood_ranks[query, place, source]
                    continue
                rank = _first_not_above(by_rank, query, source, told)
                if rank < by_rank.shape[2] and by_rank[query, source, rank] > -np.inf:
                    ranks[claim, slot, source] = rank
                else:
                    said[claim, slot, source] = np.nan


@numba.njit(cache=True, nogil=True)
def _leave(candidates, claims, now):  # type: ignore[no-untyped-def]
    """Fill rows [m, w] with the tracks that are still brought, and silence a source for claims that are muted."""
    (stood, stood_ranks), (owners, places, muted, silent), (rows, said, ranks) = candidates, claims, now
    for claim in range(len(places)):
        for slot in range(places.shape[1]):
            place = places[claim, slot]
            if place < 0:
                continue
            if muted[claim]:
                said[claim, slot, silent] = ranks[claim, slot, silent] = np.nan
            was_told, is_told = False, False
            for source in range(ranks.shape[2]):
                was_told |= not np.isnan(stood_ranks[owners[claim], place, source])
                is_told |= not np.isnan(ranks[claim, slot, source])
            if is_told or not was_told:
                rows[claim, slot] = stood[owners[claim], place]


@numba.njit(cache=True, nogil=True)
def _first_not_above(said, query, source, told):  # type: ignore[no-untyped-def]
    """Return the first rank at which falling scores said [n, s, depth] are not above a score; their number for NaN."""
    low, high = 0, said.shape[2]
    while low < high:
        middle = (low + high) // 2
        if said[query, source, middle] <= told:
            high = middle
        else:
            low = middle + 1
    return low


@numba.njit(cache=True, nogil=True)
def _fall(stood, claims, now, ties, fallen):  # type: ignore[no-untyped-def]
    """Fill fallen [m, w]: who lies, by new scores, behind a candidate that stood behind it and rests on other evidence."""
    (candidates, old_scores), (owners, kinds, rows), (places, scores) = stood, claims, now
    for claim in range(places.shape[0]):
        query = owners[claim]
        for slot in range(places.shape[1]):
            if places[claim, slot] < 0:
                continue
            before, after = old_scores[query, places[claim, slot]], scores[claim, slot]
            for rival in range(candidates.shape[1] if after < before else 0):
                if (
                    after < old_scores[query, rival] < before
                    and not _holds(places[claim], rival)
                    and not _is_tied(candidates[query, rival], kinds[claim], rows[claim], ties)
                ):
                    fallen[claim, slot] = True
                    break


@numba.njit(cache=True, nogil=True)
def _is_tied(track, kind, row, ties):  # type: ignore[no-untyped-def]
    """Tell whether a track rests on the listens of an artist, or of a track."""
    artist_rows, offsets, neighbours = ties
    if kind == ARTIST:
        return artist_rows[track] == row
    return kind == LISTENED and _holds(neighbours[offsets[row] : offsets[row + 1]], track)


@numba.njit(cache=True, nogil=True)
def _holds(places, wanted):  # type: ignore[no-untyped-def]
    is_there = False
    for place in places:
        is_there |= place == wanted
    return is_there
