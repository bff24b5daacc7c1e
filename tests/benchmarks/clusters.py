"""A world of two clusters, whose best answer every peer must find."""

import numpy as np

from crossfade.features.dataset import Dataset
from tests.evaluation import worlds

TRACKS = 12
USERS = 240


def clusters() -> Dataset:
    """Even users play even tracks, odd users odd ones, half of them early, all in the end; x is new."""
    rng = np.random.default_rng(0)
    plays = [("x", "t00", 12.0)]
    for user in range(USERS):
        tracks = rng.permutation(np.arange(user % 2, TRACKS, 2))
        days = [1.0, 1.001, 1.002, 9.5, 12.0, 13.0]
        plays += [(f"u{user:03}", f"t{track:02}", day) for track, day in zip(tracks, days, strict=True)]
    return worlds.dataset(plays, [{"track_id": f"t{track:02}"} for track in range(TRACKS)])
