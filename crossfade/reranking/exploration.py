"""Exploration: some places of a slate are drawn by Thompson sampling over genres (Thompson 1933; Chapelle and Li 2011).

What a listener thinks of a genre is a Beta posterior: plays against skips, with everybody's rate in that genre as its
prior. Each genre stands for its best candidate; the genres of the highest draws get the places. Draws are keyed by
seed, listener and moment, so a replayed request draws the same and a batch equals its singles.

A budget bounds what a listener is shown so over all slates: it needs no count of what was shown, since weeks follow from the
clock. Of any so many weeks in a row, exploring ones are as many as the budget pays for.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Int64s, Interactions, Queries
from crossfade.reranking.beliefs import cells_of, order_of_draws, rank_probability
from crossfade.reranking.caps import count_kinds, is_full, is_of_full_kind, most_of_kinds
from crossfade.reranking.greedy import RerankWeights, TrackColumns
from crossfade.reranking.rerank import Kinds, best_first, known_kinds, typed
from crossfade.schema.ids import Rows

Doubles = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

# Genres that compete for the places: those of the best candidates. More would hardly ever win, and cost.
MOST_GENRES: Final = 16
# Plays and skips beyond this many weigh as this many in the same proportion, so that no genre is ever settled.
MOST_EVIDENCE: Final = 100.0
# A genre's rate is drawn to that of all music by so many plays, so that one skip does not condemn a rare genre.
PRIOR_PLAYS: Final = 50.0
USUAL_RATE: Final = 0.5  # where nobody has played anything yet
SECONDS_PER_WEEK: Final = 7 * 86_400


@dataclass(frozen=True)
class Exploration:
    """Where slates explore.

    Args:
        places: Places of the slate, from 0, ascending and below its length.
        prior_plays: How many plays everybody's rate in a genre counts as, above 0.
        seed: Of the draws.
        most: Explored places that a listener gets within `weeks`, over all slates of one a week; 0 is no bound.
        weeks: Any so many in a row.
    """

    places: tuple[int, ...]
    prior_plays: float
    seed: int
    most: int = 0
    weeks: int = 1

    @property
    def affordable(self) -> tuple[int, ...]:
        """The places of a slate that explores: never more than the whole budget."""
        return self.places[: self.most] if self.most else self.places

    def explores(self, as_of: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return [n] whether slates of moments [n] in UTC seconds explore, so that no weeks in a row exceed the budget.

        Of the weeks since 1970, counted in rounds of `weeks`, the first of each round explore, as many as are paid for; so
        any `weeks` in a row hold as many. All listeners explore in the same weeks.
        """
        if not self.most or not self.places:
            return np.ones(len(as_of), np.bool_)
        paid = self.most // len(self.affordable)
        return np.asarray(as_of // SECONDS_PER_WEEK % self.weeks < paid)

    def moments(self, as_of: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return [n] the moments that draws are keyed by: with a budget, slates of one week draw alike."""
        return as_of // SECONDS_PER_WEEK * SECONDS_PER_WEEK if self.most else as_of


class Evidence(NamedTuple):
    """What n listeners did, as far as it tells of genres; query i owns entries offsets[i]:offsets[i + 1].

    Args:
        offsets: [n + 1] int64.
        tracks: [m] int32.
        strengths: [m] float32: above 0 is a play of so much (at most 1), below 0 an early skip of as much.
        rates: [num_genres] float64, everybody's share of plays among plays and skips.
        prior_plays: As in `Exploration`.
    """

    offsets: Int64s
    tracks: Rows
    strengths: Floats
    rates: Doubles
    prior_plays: float

    @classmethod
    def of(cls, queries: Queries, rates: Doubles, prior_plays: float) -> "Evidence":
        """Read histories."""
        return cls(queries.offsets, queries.track_rows, queries.strengths, rates, float(prior_plays))


def genre_rates(acts: Interactions, genre_rows: Rows, num_genres: int) -> Doubles:
    """Return [num_genres] everybody's share of plays among plays and skips, drawn to that of all genres.

    Args:
        acts: What may be known.
        genre_rows: [num_tracks, g] int32, -1 padded.
        num_genres: Genre rows are below it.
    """
    genres = genre_rows[acts.track_rows]
    named = genres >= 0

    def totals(strengths: npt.NDArray[np.floating]) -> Doubles:
        weights = np.broadcast_to(np.clip(strengths, 0, 1)[:, None], genres.shape)
        return np.bincount(genres[named], weights[named].astype(np.float64), num_genres).astype(np.float64)

    plays, skips = totals(acts.strengths), totals(-acts.strengths)
    usual = plays.sum() / (plays + skips).sum() if (plays + skips).sum() else USUAL_RATE
    return np.asarray((plays + PRIOR_PLAYS * usual) / (plays + skips + PRIOR_PLAYS))


def explore(
    candidates: tuple[Rows, npt.NDArray[np.float32]],
    chosen: Rows,
    queries: Queries,
    exploration: Exploration,
    *,
    tracks: TrackColumns,
    rates: Doubles,
    weights: RerankWeights,
    kinds: Kinds | None = None,
    order: Rows | None = None,
) -> tuple[Rows, Floats]:
    """Give places of slates to exploration.

    The slate keeps the first tracks that reranking chose, and each explored place goes to the best candidate of a
    genre that is left; every cap holds. Where fewer genres than places are left, that slate does not explore.

    Args:
        candidates: Rows [n, c] int32 and the ranker's scores [n, c], as reranking saw them.
        chosen: [n, k] int32 places in the candidates that reranking chose.
        queries: The n listeners.
        exploration: Where, and from which prior and seed.
        tracks: Columns over all tracks.
        rates: [num_genres] of `genre_rates`.
        weights: The policy's caps.
        kinds: As in `rerank`.
        order: As in `rerank`.

    Returns:
        [n, k] int32 places in the candidates, and [n, k] float32 the probability over draws with which each track
        stands at its place: 1 where nothing was drawn, 0 where a slate ends. It is exact: the posteriors are
        distributions over the cells of a grid, from which draws are made and probabilities are summed.
    """
    rows, scores = candidates
    propensities = (chosen >= 0).astype(np.float32)
    turns = exploration.explores(queries.as_of)
    if not exploration.places or not rows.size or not tracks.num_genres or not turns.any():
        return chosen, propensities
    explored = chosen.copy()
    evidence = Evidence.of(queries, rates, exploration.prior_plays)
    places = np.array(exploration.affordable, np.int64)
    ordered = (rows, best_first(rows, scores) if order is None else order, known_kinds(rows, kinds))
    competing = _rivals(ordered, explored, (evidence, turns), (places, tracks, typed(weights)))
    drawing = keys(queries, exploration.seed, exploration.moments(queries.as_of))
    _draw((explored, propensities), drawing, competing, cells_of(competing[-1]), places)
    return explored, propensities


def keys(queries: Queries, seed: int, moments: npt.NDArray[np.int64] | None = None) -> Keys:
    """Return [n] uint64 keys of draws by seed, user and moment [n] (`as_of`); strangers are told apart by their histories."""
    moments = queries.as_of if moments is None else moments
    history = np.bincount(queries.owners, queries.track_rows + 1.0, len(queries))
    stranger = np.where(queries.user_rows < 0, history + 1, 0)
    key = np.full(len(queries), seed, np.uint64)
    for part in (queries.user_rows, moments, stranger):
        key = _mixed(key ^ np.asarray(part).astype(np.int64).view(np.uint64))
    return key


def _mixed(key: Keys) -> Keys:
    """Mix bits so that near keys give unlike ones (splitmix64, Steele, Lea and Flood 2014)."""
    key = key + np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def _rivals(ordered, chosen, listeners, policy):  # type: ignore[no-untyped-def]
    """Find who competes for the explored places of slates (chosen [n, k]).

    Returns:
        Offsets [n + 1]: slate i has rivals offsets[i]:offsets[i + 1], none where it does not explore; their places in the
        candidates [m], genres [m] and posteriors' parameters [m, 2].
    """
    (rows, order, kinds), (evidence, turns), (places, tracks, weights) = ordered, listeners, policy
    num_kept, limits = chosen.shape[1] - len(places), most_of_kinds(weights, chosen.shape[1])
    offsets, most = np.zeros(len(rows) + 1, np.int64), len(rows) * MOST_GENRES
    found, shapes = np.empty((2, most), np.int32), np.empty((most, 2))
    for query in range(len(rows)):
        offsets[query + 1] = first = offsets[query]
        kept = chosen[query, :num_kept]
        if not turns[query] or (num_kept and kept[-1] < 0):
            continue
        rivals, genres = find_rivals((rows[query], order[query], kinds[query]), kept, tracks, weights, limits)
        if len(rivals) < len(places):
            continue
        offsets[query + 1] = last = first + len(rivals)
        found[0, first:last], found[1, first:last] = rivals, genres
        shapes[first:last] = shapes_of(evidence, query, genres, tracks.genre_rows)
    return offsets, found[0, : offsets[-1]], found[1, : offsets[-1]], shapes[: offsets[-1]]


@numba.njit(cache=True, nogil=True)
def _draw(slates, keys, competing, cells, places):  # type: ignore[no-untyped-def]
    """Replace places of slates (chosen [n, k], propensities [n, k]) by the best candidates of drawn genres.

    Competing are those of `_rivals`, and cells [m, CELLS] what they believe.
    """
    (chosen, propensities), (offsets, rivals, genres, _) = slates, competing
    for query in range(len(chosen)):
        first, last = offsets[query], offsets[query + 1]
        if first == last:
            continue
        kept = chosen[query, : chosen.shape[1] - len(places)].copy()
        winners = order_of_draws(keys[query], genres[first:last], cells[first:last])
        next_kept, drawn = 0, 0
        for place in range(chosen.shape[1]):
            if drawn < len(places) and places[drawn] == place:
                winner = winners[drawn]
                chosen[query, place] = rivals[first + winner]
                propensities[query, place] = rank_probability(cells[first:last], winner, drawn)
                drawn += 1
            else:
                chosen[query, place], propensities[query, place] = kept[next_kept], 1.0
                next_kept += 1


@numba.njit(cache=True, nogil=True)
def find_rivals(candidates, kept, tracks, weights, limits):  # type: ignore[no-untyped-def]
    """Return the best candidates of up to `MOST_GENRES` genres that fit beside the kept ones and each other."""
    rows, order, kinds = candidates
    gone, counts = np.zeros(len(rows), np.bool_), np.zeros((2, 2), np.int64)
    has_genre = np.zeros(tracks.num_genres, np.bool_)
    together = np.empty(len(kept) + MOST_GENRES, np.int32)
    for i in range(len(kept)):
        together[i], gone[kept[i]] = rows[kept[i]], True
        count_kinds(kinds[kept[i]], counts)
    rivals, genres, found = np.empty(MOST_GENRES, np.int32), np.empty(MOST_GENRES, np.int32), 0
    for place in order:
        track = rows[place]
        if found == MOST_GENRES or track < 0:
            break
        genre = tracks.genre_rows[track, 0]
        if gone[place] or genre < 0 or has_genre[genre] or is_of_full_kind(kinds, place, counts, limits):
            continue
        size = len(kept) + found
        if is_full(tracks.artist_rows, track, together, size, weights.max_per_artist) or is_full(
            tracks.album_rows, track, together, size, weights.max_per_album
        ):
            continue
        rivals[found], genres[found], together[size] = place, genre, track
        has_genre[genre] = True
        count_kinds(kinds[place], counts)
        found += 1
    return rivals[:found], genres[:found]


@numba.njit(cache=True, nogil=True)
def shapes_of(evidence, query, genres, genre_rows):  # type: ignore[no-untyped-def]
    """Return [genres, 2] the Beta posteriors' parameters."""
    shapes, acts = np.empty((len(genres), 2)), _acts_of(evidence, query, genre_rows)
    for i in range(len(genres)):
        plays, skips = np.float64(acts[0, genres[i]]), np.float64(acts[1, genres[i]])
        scale = min(1.0, MOST_EVIDENCE / max(plays + skips, 1.0))
        rate = evidence.rates[genres[i]]
        shapes[i, 0] = evidence.prior_plays * rate + scale * plays
        shapes[i, 1] = evidence.prior_plays * (1 - rate) + scale * skips
    return shapes


@numba.njit(cache=True, nogil=True)
def _acts_of(evidence, query, genre_rows):  # type: ignore[no-untyped-def]
    """Return [2, num_genres] float32 a listener's plays and skips of genres; a track's act is shared evenly by its genres."""
    acts = np.zeros((2, len(evidence.rates)), np.float32)
    for entry in range(evidence.offsets[query], evidence.offsets[query + 1]):
        genres, strength, named = genre_rows[evidence.tracks[entry]], evidence.strengths[entry], 0
        for genre in genres:
            named += genre >= 0
        act, part = (
            (0 if strength > 0 else 1),
            np.float32(min(abs(strength), np.float32(1)) * (1.0 / max(named, 1))),
        )
        for genre in genres:
            if genre >= 0:
                acts[act, genre] += part
    return acts
