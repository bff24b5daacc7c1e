"""Whether reasons are true, for millions of slates: the evidence is taken away from the track alone, and it must fall.

`reasons.verify` recommends again from the first source to the last place, once for each piece of evidence. Here the rivals
stay as they stood: only the tracks that rest on the evidence are asked of the sources and scored again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.candidates import Candidates
from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Floats, Queries
from crossfade.features.left import Left
from crossfade.ranking.contract import Ranker
from crossfade.recommender.ranked import Ranked
from crossfade.recommender.reasons import (
    Claims,
    Pieces,
    asking_without,
    is_evidence,
    with_true_reasons,
    without_evidence,
)
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.recommender.standing import Claimed, Standing, Ties
from crossfade.retrieval.heard import Gone, Heard
from crossfade.retrieval.item_knn import ItemKnn
from crossfade.retrieval.retelling import Retelling
from crossfade.retrieval.sources import Sources
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.tables import Surface

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

# Entries of histories, some 50 bytes each, that are cut and scored together. Candidates and features of claims come on top, so
# memory grows with the listeners of a block, too (`weekly.batch_users`).
BATCH_ENTRIES: Final = 1 << 18


class Scores(Protocol):
    """What rescoring needs of a recommender."""

    @property
    def sources(self) -> Sources:
        """The fitted retrievers."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """The tracks."""
        ...

    def ranker_of(self, surface: Surface) -> Ranker:
        """Return who orders a surface's candidates."""
        ...

    def score(
        self,
        requests: Requests,
        candidates: Candidates,
        *,
        muted_popular: Bools | None = None,
        left: Left | None = None,
    ) -> Ranked:
        """Score given candidates, by what is left of histories where requests have none."""
        ...


@dataclass(frozen=True)
class Rescoring:
    """Slates whose tracks are scored again.

    Args:
        recommender: That made them.
        requests: n requests.
        standing: What the slates were chosen of.
        sources: Of the recommender's ranker, ready to be asked about the slates' tracks.
    """

    recommender: Scores
    requests: Requests
    standing: Standing
    sources: Retelling


def rescored(
    recommender: Scores, requests: Requests, ranked: Ranked, slates: Slates, asked: Retelling
) -> Slates:
    """Return the slates with reasons that hold when tracks are scored without their evidence.

    Args:
        recommender: That made the slates; its ranker's sources tell of any track.
        requests: n requests.
        ranked: What the slates were chosen of.
        slates: n slates with likely reasons.
        asked: The ranker's sources, ready to be asked about the slates' tracks.
    """
    rescoring = Rescoring(recommender, requests, Standing.of(ranked, slates), asked)
    return with_true_reasons(requests, slates, partial(falls, rescoring))


def falls(rescoring: Rescoring, alternatives: Sequence[Slates]) -> list[Bools]:
    """Take each reason's evidence away from the tracks that rest on it, and see whether they fall.

    Args:
        rescoring: Of slates of the same tracks.
        alternatives: Slates with reasons, n each. A place of later ones is asked where no earlier reason holds; all are
            scored together.

    Returns:
        [n, k] bool of each, true where the place has a reason and its track, scored without the evidence, has a lower score
        and lies behind a rival that it was ahead of; or where no source that returned it does so any more.
    """
    claims = [Claims.of(slates) for slates in alternatives]
    owners, kinds, rows = map(np.concatenate, zip(*(each.pieces() for each in claims), strict=True))
    slots = [each.slots for each in claims]
    scores = _scores_without(rescoring, (owners, kinds, rows), _stacked(slots))
    holds, found, first = np.zeros(rescoring.standing.places.shape, np.bool_), [], 0
    for own in slots:
        part = slice(first, first + len(own))
        is_asked = (own >= 0) & ~holds[owners[part, None], own]
        places = _places(rescoring, owners[part], np.where(is_asked, own, NO_ROW))
        claimed = Claimed(owners[part], kinds[part], rows[part], places)
        ties = _ties(rescoring.recommender)
        fallen = rescoring.standing.fallen(claimed, np.ascontiguousarray(scores[part, : own.shape[1]]), ties)
        at, slot = np.nonzero(fallen)
        found.append(np.zeros(holds.shape, np.bool_))
        found[-1][owners[part][at], own[at, slot]] = True
        holds |= found[-1]
        first += len(own)
    return found


def _stacked(parts: Sequence[Rows]) -> Rows:
    """Return [sum of m, w] of parts [m, w] of different widths, padded with -1."""
    shape = sum(map(len, parts)), max(part.shape[1] for part in parts)
    stacked, first = np.full(shape, NO_ROW, np.int32), 0
    for part in parts:
        stacked[first : first + len(part), : part.shape[1]] = part
        first += len(part)
    return stacked


def _places(rescoring: Rescoring, owners: Int64s, slots: Rows) -> Rows:
    """Return where the tracks at slots [m, w] of owners' slates stand among the candidates, -1 where padded."""
    return np.where(slots >= 0, rescoring.standing.places[owners[:, None], slots], np.int32(NO_ROW))


def _scores_without(rescoring: Rescoring, pieces: Pieces, slots: Rows) -> Floats:
    """Score the tracks at slots [m, w] of each piece's slate without it, [m, w] float32; -inf where no source brings them."""
    scores = np.full(slots.shape, -np.inf, np.float32)
    lengths = np.cumsum(np.diff(rescoring.requests.queries.offsets)[pieces[0]])
    first = 0
    while first < len(slots):
        most = BATCH_ENTRIES + (lengths[first - 1] if first else 0)
        last = max(int(np.searchsorted(lengths, most, side="right")), first + 1)
        batch = (pieces[0][first:last], pieces[1][first:last], pieces[2][first:last])
        scores[first:last] = _batch_without(rescoring, batch, slots[first:last])
        first = last
    return scores


def _batch_without(rescoring: Rescoring, pieces: Pieces, slots: Rows) -> Floats:
    recommender, standing, requests = rescoring.recommender, rescoring.standing, rescoring.requests
    claimed, catalogue = Claimed(*pieces, _places(rescoring, pieces[0], slots)), recommender.catalogue
    asking, muted = asking_without(requests, pieces)
    gone = _gone(rescoring.sources.heard, pieces, asking.country_rows, catalogue.artist_rows)
    said = rescoring.sources.said(gone, lambda: without_evidence(requests, pieces, catalogue)[0].taste, slots)
    told = standing.told(claimed, said, muted, rescoring.sources.names.index(c.POPULAR))
    left = _left(requests.queries, pieces, catalogue.artist_rows)
    without = requests.with_histories(pieces[0], asking)
    return recommender.score(without, told, muted_popular=muted, left=left).scores


def _gone(heard: Heard, pieces: Pieces, country_rows: Rows, artist_rows: Rows) -> Gone:
    """Return the heard tracks that each piece of evidence is about."""
    histories = (heard.owned, heard.tracks, artist_rows)
    return Gone(pieces[0], *_about(histories, pieces, np.int32), country_rows)


def _left(queries: Queries, pieces: Pieces, artist_rows: Rows) -> Left:
    """Return what is left of histories without each piece of evidence."""
    histories = (queries.offsets, queries.track_rows, artist_rows)
    return Left(queries, pieces[0], *_about(histories, pieces, np.int64))


def _about(histories: tuple[Int64s, Rows, Rows], pieces: Pieces, kind: Any) -> tuple[Int64s, Any]:
    """Return offsets [m + 1] and places of the tracks of histories (offsets, tracks, all artists) that pieces are about."""
    found = np.empty(int(np.diff(histories[0])[pieces[0]].sum()), kind)
    offsets = np.zeros(len(pieces[0]) + 1, np.int64)
    _find(histories, pieces, (offsets, found))
    return offsets, found[: offsets[-1]]


@numba.njit(cache=True, nogil=True)
def _find(histories, claims, found):  # type: ignore[no-untyped-def]
    (starts, tracks, artist_rows), (owners, kinds, rows), (offsets, places), count = (
        histories,
        claims,
        found,
        0,
    )
    for claim in range(len(owners)):
        kind, row = kinds[claim], rows[claim]
        for place in range(starts[owners[claim]], starts[owners[claim] + 1]):
            places[count] = place
            count += is_evidence(kind, row, tracks[place], artist_rows[tracks[place]])
        offsets[claim + 1] = count


def _ties(recommender: Scores) -> Ties:
    knn = recommender.sources.retrievers[c.ITEM_KNN]
    assert isinstance(knn, ItemKnn)
    return recommender.catalogue.artist_rows, knn.neighbours_.indptr, knn.neighbours_.indices
