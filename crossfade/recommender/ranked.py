"""Candidates of a batch of requests as the ranker left them, and the slates that are chosen of them."""

from dataclasses import dataclass

import numba
import numpy as np

from crossfade.features.candidates import Candidates
from crossfade.features.interactions import Floats
from crossfade.recommender.slates import Slates
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows


@dataclass(frozen=True)
class Ranked:
    """Candidates of n requests with what the ranker saw and said.

    Args:
        candidates: [n, c] merged and filtered.
        features: [n, c, num_features] float32 in the order of the ranker's task.
        scores: [n, c] float32, -inf where padded.
    """

    candidates: Candidates
    features: Floats
    scores: Floats


def slates_of(ranked: Ranked, places: Rows, propensities: Floats) -> Slates:
    """Return slates of candidates, without reasons.

    Args:
        ranked: Candidates of n requests.
        places: [n, k] int32 places among them, -1 where a slate has ended.
        propensities: [n, k] float32.
    """
    candidates, shape = ranked.candidates, places.shape
    found = np.empty(shape, np.int32), np.empty(shape, np.float32), np.empty(shape, np.int8)
    nobody = np.int8(c.SLATE_SOURCES.index(c.RELEASES))
    _choose((candidates.rows, ranked.scores, candidates.ranks), places, nobody, found)
    return Slates.unexplained(*found, propensities)


@numba.njit(cache=True, nogil=True)
def _choose(candidates, places, nobody, found):  # type: ignore[no-untyped-def]
    """Fill found [n, k] with tracks, scores, and the first of the sources that rank them best; `nobody` where none does."""
    (rows, scores, ranks), (tracks, values, sources) = candidates, found
    for query in range(places.shape[0]):
        for slot in range(places.shape[1]):
            place = places[query, slot]
            tracks[query, slot], values[query, slot], sources[query, slot] = NO_ROW, -np.inf, NO_ROW
            if place < 0:
                continue
            tracks[query, slot], values[query, slot] = rows[query, place], scores[query, place]
            sources[query, slot], best = nobody, np.float32(np.inf)
            for source in range(ranks.shape[2]):
                if ranks[query, place, source] < best:
                    sources[query, slot], best = source, ranks[query, place, source]
