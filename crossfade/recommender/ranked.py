"""Candidates of a batch of requests as the ranker left them, and the slates that are chosen of them."""

from dataclasses import dataclass
from typing import TypeVar

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
    if not ranks.shape[1]:
        return np.full(places.shape, NO_ROW, np.int8)
    said = _at(ranks, places)
    best = np.where(np.isnan(said), np.inf, said).argmin(axis=2)
    found = np.where(np.isnan(said).all(axis=2), c.SLATE_SOURCES.index(c.RELEASES), best)
    return np.where(places >= 0, found, NO_ROW).astype(np.int8)


def _at(values: npt.NDArray[Kind], places: Rows) -> npt.NDArray[Kind]:
    """Read values [n, c, ...] at places [n, k], the first one where a place is -1."""
    return values[np.arange(len(values))[:, None], np.maximum(places, 0)]
