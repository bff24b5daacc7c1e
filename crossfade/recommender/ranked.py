"""Candidates of a batch of requests as the ranker left them, and the slates that are chosen of them."""

from dataclasses import dataclass
from typing import TypeVar

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.candidates import Candidates
from crossfade.features.interactions import Floats
from crossfade.recommender.slates import Slates
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows

Kind = TypeVar("Kind", bound=np.generic)


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
    candidates = ranked.candidates
    return Slates.unexplained(
        _chosen(candidates.rows, places, np.int32(NO_ROW)),
        _chosen(ranked.scores, places, np.float32(-np.inf)),
        _sources(candidates.ranks, places),
        propensities,
    )


def _chosen(values: npt.NDArray[Kind], places: Rows, padding: Kind) -> npt.NDArray[Kind]:
    """Return values [n, c] at places [n, k], the padding where a place is -1."""
    if not values.shape[1]:
        return np.full(places.shape, padding, values.dtype)
    return np.where(places >= 0, _at(values, places), padding)


def _sources(ranks: Floats, places: Rows) -> npt.NDArray[np.int8]:
    """Return who ranked the candidates at places [n, k] best, by their ranks [n, c, num_sources]."""
    found = np.full(places.shape, NO_ROW, np.int8)
    _name_sources(ranks, places, np.int8(c.SLATE_SOURCES.index(c.RELEASES)), found)
    return found


@numba.njit(cache=True, nogil=True)
def _name_sources(ranks, places, nobody, found):  # type: ignore[no-untyped-def]
    """Fill found [n, k] with the first of the sources that rank a candidate best; `nobody` where none does."""
    for query in range(len(places)):
        for slot in range(places.shape[1] if ranks.shape[1] else 0):
            place = places[query, slot]
            if place < 0:
                continue
            found[query, slot], best = nobody, np.float32(np.inf)
            for source in range(ranks.shape[2]):
                if ranks[query, place, source] < best:
                    found[query, slot], best = source, ranks[query, place, source]


def _at(values: npt.NDArray[Kind], places: Rows) -> npt.NDArray[Kind]:
    """Read values [n, c, ...] at places [n, k], the first one where a place is -1."""
    return values[np.arange(len(values))[:, None], np.maximum(places, 0)]
