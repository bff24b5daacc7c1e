"""Reranking as its formula reads, all recomputed at every step; slow and plain, to judge the kernel by."""

import numpy as np

from crossfade.reranking.rerank import GenreProfiles, RerankWeights, TrackColumns


def slate(
    rows: np.ndarray,
    scores: np.ndarray,
    k: int,
    tracks: TrackColumns,
    mix: dict[int, float],
    weights: RerankWeights,
) -> list[int]:
    """Return the places that one listener gets; `mix` is {genre: share}."""
    order = sorted(
        (place for place in range(len(rows)) if rows[place] >= 0), key=lambda p: (-scores[p], rows[p])
    )
    if not order:
        return []
    low, high = scores[order[-1]], scores[order[0]]
    chosen: list[int] = []
    while len(chosen) < k:
        best, best_gain = None, -np.inf
        for place in order:
            if place in chosen or _capped(rows[place], rows[chosen], tracks, weights):
                continue
            relevance = (
                (float(scores[place]) - float(low)) / (float(high) - float(low)) if high > low else 1.0
            )
            cosines = [float(tracks.vectors[rows[place]] @ tracks.vectors[rows[other]]) for other in chosen]
            gain = (
                (1 - weights.diversity) * relevance
                - weights.diversity * max([0.0, *cosines])
                - weights.popularity_penalty * float(tracks.popularity[rows[place]])
                - weights.calibration * divergence([*rows[chosen], rows[place]], tracks, mix)
            )
            if gain > best_gain + 1e-12:
                best, best_gain = place, gain
        if best is None:
            break
        chosen.append(best)
    return chosen


def divergence(slate_rows: list[int], tracks: TrackColumns, mix: dict[int, float]) -> float:
    """KL(p || 0.99 q + 0.01 p), q(g) = the mean over tracks of 1 / (number of genres) if it has g."""
    total = 0.0
    for genre, share in mix.items():
        mass = 0.0
        for row in slate_rows:
            genres = [g for g in tracks.genre_rows[row] if g >= 0]
            mass += genres.count(genre) / len(genres) if genres else 0.0
        total += share * np.log(share / (0.99 * mass / len(slate_rows) + 0.01 * share))
    return total


def _capped(row: int, chosen: np.ndarray, tracks: TrackColumns, weights: RerankWeights) -> bool:
    for groups, cap in (
        (tracks.artist_rows, weights.max_per_artist),
        (tracks.album_rows, weights.max_per_album),
    ):
        if cap and groups[row] >= 0 and sum(groups[other] == groups[row] for other in chosen) >= cap:
            return True
    return False


def mix_of(profiles: GenreProfiles, query: int) -> dict[int, float]:
    """Return one listener's profile as {genre: share}."""
    pairs = zip(profiles.genre_rows[query].tolist(), profiles.shares[query].tolist(), strict=True)
    return {genre: share for genre, share in pairs if genre >= 0}
