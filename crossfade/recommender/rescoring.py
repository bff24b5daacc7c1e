"""Whether reasons are true, for millions of slates: the evidence is taken away from the track alone, and it must fall.

`reasons.verify` recommends again from the first source to the last place, once for each piece of evidence. Here the rivals
stay as they stood: only the tracks that rest on the evidence are asked of the sources and scored again.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from crossfade.features.candidates import Candidates
from crossfade.features.catalogue import Catalogue
from crossfade.ranking.contract import Ranker
from crossfade.recommender.muting import without_source
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

BATCH_CLAIMS: Final = 8192  # scored together; bounds memory


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
    queries, places = np.nonzero(claims.places >= 0)
    of_entries = claims.places[queries, places]
    entries, counts = np.argsort(of_entries, kind="stable"), np.bincount(of_entries, minlength=len(claims))
    starts = np.cumsum(counts) - counts
    by_size = np.argsort(counts, kind="stable")  # claims of like width are scored together
    for start in range(0, len(claims), BATCH_CLAIMS):
        chosen = np.sort(by_size[start : start + BATCH_CLAIMS])
        slots = np.arange(counts[chosen].max())
        there = slots < counts[chosen][:, None]
        at = entries[np.where(there, starts[chosen][:, None] + slots, 0)]
        stood = np.where(there, rescoring.standing.places[queries[at], places[at]], np.int32(NO_ROW))
        fallen = _fallen_without(rescoring, claims, chosen, stood)
        holds[queries[at][there], places[at][there]] = fallen[there]
    return holds


def _fallen_without(rescoring: Rescoring, claims: Claims, chosen: Int64s, places: Rows) -> Bools:
    """Score the candidates at places [m, w] of each chosen claim without its evidence, and tell which fall."""
    recommender, standing = rescoring.recommender, rescoring.standing
    claimed = Claimed(claims.requests[chosen], claims.kinds[chosen], claims.rows[chosen], places)
    at, stood = claimed.owners[:, None], standing.ranked.candidates
    rows = np.where(places >= 0, stood.rows[at, places], np.int32(NO_ROW))
    asked = rescoring.requests.take(claimed.owners)
    reduced, muted = without_evidence(asked, claims, chosen, recommender.catalogue)
    said = rescoring.sources.said(claimed.owners, reduced.taste, rows)
    told = Candidates(rows, said, standing.ranks(claimed, said))
    told = without_source(told, muted, rescoring.sources.names.index(c.POPULAR))
    # What no source of the ranker's returned was brought by another one, which goes on to bring it.
    is_brought = np.isnan(stood.ranks[at, places]).all(axis=2)
    told = replace(told, rows=np.where(is_brought, rows, told.rows))
    scores = recommender.score(reduced, told, muted_popular=muted).scores
    return standing.fallen(claimed, scores, _ties(recommender))


def _ties(recommender: Scores) -> Ties:
    knn = recommender.sources.retrievers[c.ITEM_KNN]
    assert isinstance(knn, ItemKnn)
    return recommender.catalogue.artist_rows, knn.neighbours_.indptr, knn.neighbours_.indices
