"""With what probability a policy puts which track at which place, for judging it from another one's log.

Where a slate explores, a track is that of a genre whose draw has a rank; probabilities are those of `exploration`, told of all
genres that compete instead of the drawn ones alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Queries
from crossfade.reranking.beliefs import cells_of, rank_probability
from crossfade.reranking.caps import most_of_kinds
from crossfade.reranking.exploration import MOST_GENRES, Evidence, Exploration, find_rivals, shapes_of
from crossfade.reranking.rerank import best_first, known_kinds, typed
from crossfade.schema.ids import NO_ROW, Rows

Doubles = npt.NDArray[np.float64]
Scored = tuple[Rows, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Chances:
    """Tracks that may stand at each place of n slates, and how probably.

    Args:
        rows: [n, k, m] int32 tracks, -1 padded.
        chances: [n, k, m] float64; a place's sum to 1, or to 0 where a slate ends.
    """

    rows: Rows
    chances: Doubles

    @classmethod
    def none(cls, n: int, k: int) -> Self:
        """Return chances of nothing at all."""
        return cls(np.full((n, k, MOST_GENRES), NO_ROW, np.int32), np.zeros((n, k, MOST_GENRES)))

    def put(self, places: npt.NDArray[np.int64], some: Self) -> None:
        """Take the chances of some slates [m] in at their places [m] among these."""
        self.rows[places], self.chances[places] = some.rows, some.chances

    def of(self, rows: Rows) -> Doubles:
        """Return [n, k] float64: the probability of tracks [n, k] at their places."""
        return np.asarray(np.where(self.rows == rows[:, :, None], self.chances, 0.0).sum(axis=2))

    def beyond(self, other: Self) -> Doubles:
        """Return [n, k] float64: the probability of tracks at places where the other policy can never put them."""
        possible = (self.rows[:, :, :, None] == other.rows[:, :, None, :]) & (other.chances > 0)[
            :, :, None, :
        ]
        possible &= self.rows[:, :, :, None] != NO_ROW
        return np.asarray(np.where(possible.any(axis=3), 0.0, self.chances).sum(axis=2))


def chances(
    scored: Scored, chosen: Rows, queries: Queries, exploration: Exploration, rules: Mapping[str, Any]
) -> Chances:
    """Return what `exploration.explore` may choose.

    Args:
        scored: Rows [n, c] int32 and scores [n, c] of candidates.
        chosen: [n, k] int32 places in the candidates that reranking chose.
        queries: The n listeners.
        exploration: Where, and from which prior.
        rules: `tracks`, `rates`, `weights`, and `kinds` where there are any, as in `explore`.
    """
    rows = scored[0]
    certain = np.where(chosen >= 0, np.take_along_axis(rows, np.maximum(chosen, 0), axis=1), NO_ROW)
    whole = Chances.none(*chosen.shape)
    whole.rows[:, :, 0], whole.chances[:, :, 0] = certain, certain >= 0
    turns = exploration.explores(queries.as_of)
    if exploration.places and rows.size and rules["tracks"].num_genres and turns.any():
        evidence = Evidence.of(queries, rules["rates"], exploration.prior_plays)
        ordered = (rows, best_first(*scored), known_kinds(rows, rules.get("kinds")))
        for query in np.flatnonzero(turns).tolist():
            _explored(query, whole, chosen, ordered, (evidence, exploration, rules))
    return whole


def _explored(
    query: int, whole: Chances, chosen: Rows, ordered: tuple[Any, ...], policy: tuple[Any, ...]
) -> None:
    """Write the chances of one slate that explores, as `exploration.explore` fills it."""
    found, told, (rows, order, kinds) = whole.rows, whole.chances, ordered
    evidence, exploration, rules = policy
    places, weights, k = exploration.affordable, typed(rules["weights"]), chosen.shape[1]
    kept = chosen[query, : k - len(places)].copy()
    if len(kept) and kept[-1] < 0:
        return
    candidates = (rows[query], order[query], kinds[query])
    rivals, genres = find_rivals(candidates, kept, rules["tracks"], weights, most_of_kinds(weights, k))
    if len(rivals) < len(places):
        return
    cells = cells_of(shapes_of(evidence, query, genres, rules["tracks"].genre_rows))
    free = [place for place in range(k) if place not in places]
    told[query], found[query] = 0.0, NO_ROW
    found[query, free, 0], told[query, free, 0] = rows[query][kept], 1.0
    for rank, place in enumerate(places):
        found[query, place, : len(rivals)] = rows[query][rivals]
        told[query, place, : len(rivals)] = [
            rank_probability(cells, rival, rank) for rival in range(len(rivals))
        ]
