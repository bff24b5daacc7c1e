"""Whether reasons are true, for millions of slates: the evidence is taken away from the track alone, and it must fall.

`reasons.verify` recommends again from the first source to the last place, once for each piece of evidence. Here the rivals
stay as they stood: only the tracks that rest on the evidence are asked of the sources and scored again.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from crossfade.features.candidates import Candidates
from crossfade.features.catalogue import Catalogue
from crossfade.ranking.contract import Ranker
from crossfade.recommender.ranked import Ranked
from crossfade.recommender.reasons import Claims, with_true_reasons, without_evidence
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.recommender.standing import Claimed, Standing, Ties
from crossfade.retrieval.item_knn import ItemKnn
from crossfade.retrieval.retelling import Retelling
from crossfade.retrieval.sources import Sources
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.tables import Surface

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

BATCH_ENTRIES: Final = (
    1 << 18
)  # of histories, some 50 bytes each, that are cut and scored together; bounds memory


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
        self, requests: Requests, candidates: Candidates, *, muted_popular: Bools | None = None
    ) -> Ranked:
        """Score given candidates."""
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


def falls(rescoring: Rescoring, slates: Slates) -> Bools:
    """Take each reason's evidence away from the tracks that rest on it, and see whether they fall.

    Args:
        rescoring: Of slates of the same tracks.
        slates: n slates with reasons.

    Returns:
        [n, k] bool, true where the place has a reason and its track, scored without the evidence, has a lower score and
        lies behind a rival that it was ahead of; or where no source that returned it does so any more.
    """
    claims, holds = Claims.of(slates), np.zeros(slates.rows.shape, np.bool_)
    slots = claims.slots
    lengths = np.cumsum(np.diff(rescoring.requests.queries.offsets)[claims.requests])
    first = 0
    while first < len(claims):
        most = BATCH_ENTRIES + (lengths[first - 1] if first else 0)
        last = max(int(np.searchsorted(lengths, most, side="right")), first + 1)
        chosen = np.arange(first, last)
        fallen = _fallen_without(rescoring, claims, chosen, slots[chosen])
        at, slot = np.nonzero(fallen)
        holds[claims.requests[chosen[at]], slots[chosen[at], slot]] = True
        first = last
    return holds


def _fallen_without(rescoring: Rescoring, claims: Claims, chosen: Int64s, slots: Rows) -> Bools:
    """Score the tracks at slots [m, w] of each chosen claim's slate without its evidence, and tell which fall."""
    recommender, standing = rescoring.recommender, rescoring.standing
    owners = claims.requests[chosen]
    places = np.where(slots >= 0, standing.places[owners[:, None], slots], np.int32(NO_ROW))
    claimed = Claimed(owners, claims.kinds[chosen], claims.rows[chosen], places)
    reduced, muted = without_evidence(rescoring.requests, claims, chosen, recommender.catalogue)
    said = rescoring.sources.said(owners, reduced.taste, slots)
    told = standing.told(claimed, said, muted, rescoring.sources.names.index(c.POPULAR))
    scores = recommender.score(reduced, told, muted_popular=muted).scores
    return standing.fallen(claimed, scores, _ties(recommender))


def _ties(recommender: Scores) -> Ties:
    knn = recommender.sources.retrievers[c.ITEM_KNN]
    assert isinstance(knn, ItemKnn)
    return recommender.catalogue.artist_rows, knn.neighbours_.indptr, knn.neighbours_.indices
