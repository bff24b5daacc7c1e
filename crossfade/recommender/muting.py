"""Recommending as if nobody knew how popular anything is: what a reason that claims popularity is judged by."""

from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.candidates import Candidates
from crossfade.features.interactions import Floats
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW

Bools = npt.NDArray[np.bool_]

# Features that tell how popular a track and its artist are with everybody.
POPULARITY: Final = np.flatnonzero(
    np.isin(
        c.RANKING_FEATURES,
        [
            "track_listens_log",
            "track_listens_7d_log",
            "track_trend",
            "track_listeners_log",
            "artist_listens_log",
            "artist_listeners_log",
        ],
    )
)


def without_source(candidates: Candidates, muted: Bools, source: int) -> Candidates:
    """Take a source's say away from some requests [n] bool; what no other source returned is gone."""
    scores, ranks = candidates.scores.copy(), candidates.ranks.copy()
    scores[muted, :, source] = ranks[muted, :, source] = np.nan
    return Candidates(np.where(np.isnan(ranks).all(axis=2), NO_ROW, candidates.rows), scores, ranks)


def mute_popularity(features: Floats, muted: Bools) -> None:
    """Take features of popularity [n, c, num_features] away from some requests [n] bool, in place."""
    features[np.ix_(muted, np.arange(features.shape[1]), POPULARITY)] = np.nan
