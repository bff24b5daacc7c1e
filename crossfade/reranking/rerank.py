"""From ranked candidates to slates: diversity, a calibrated genre mix, caps and a pull against popularity."""

import numpy as np
import numpy.typing as npt

from crossfade.reranking.greedy import RerankWeights, TrackColumns, select
from crossfade.reranking.profiles import GenreProfiles
from crossfade.schema.ids import Rows

__all__ = ["GenreProfiles", "RerankWeights", "TrackColumns", "rerank"]


def rerank(
    rows: Rows,
    scores: npt.NDArray[np.float32],
    k: int,
    *,
    tracks: TrackColumns,
    profiles: GenreProfiles,
    weights: RerankWeights,
) -> Rows:
    """Choose slates greedily, track by track.

    The track chosen next has the highest gain (maximal marginal relevance, Carbonell and Goldstein 1998;
    calibration, Steck 2018), where S is the slate so far, p the listener's genre mix and q the mix of S
    with the track, smoothed by p:

        (1 - diversity) * relevance - diversity * max(0, max over S of cosine)
            - popularity_penalty * popularity - calibration * KL(p || q)

    Equal gains go to the higher score, then to the lower track row. Caps hold even where that leaves a slate
    short.

    Args:
        rows: [n, c] int32 candidate tracks, no track twice in a row; -1 is passed over.
        scores: [n, c] float32 ranker's scores, finite where the row is not -1.
        k: Length of a slate.
        tracks: Columns over all tracks.
        profiles: Genre profiles of the n listeners.
        weights: The aims' weights and the caps.

    Returns:
        [n, k] int32 places in the candidates (0..c-1), in slate order, padded with -1.
    """
    ranked = np.where(rows >= 0, scores, -np.inf)
    order = np.lexsort((rows, -ranked), axis=1).astype(np.int32)
    typed = RerankWeights(
        float(weights.diversity), float(weights.calibration), float(weights.popularity_penalty), *weights[3:]
    )
    mixes = (profiles.genre_rows, profiles.shares)
    return np.asarray(select((rows, scores, order), tracks, mixes, typed, k), np.int32)
