"""Two planted worlds: listeners of rock and listeners of jazz, who share no track."""

from dataclasses import replace
from datetime import date

import numpy as np

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.schema.settings import Settings, parse_settings
from tests import builders

NOW = 20 * SECONDS_PER_DAY
RELEASED = date(1970, 1, 10)
NUM_TRACKS = 8  # of each genre, by two artists


def planted(seed: int = 0) -> Dataset:
    """Sixteen users, each with 4 of the 8 tracks of their genre in two sessions; one more user has no plays.

    Even users are rock listeners from SE, odd ones jazz listeners from NO; tracks r0..r7 and j0..j7.
    """
    random = np.random.default_rng(seed)
    plays = [
        (f"u{user:02}", f"{'rj'[user % 2]}{track}", 1.0 + place // 2 + place % 2 / 200 + user / 100)
        for user in range(16)
        for place, track in enumerate(random.permutation(NUM_TRACKS)[:4])
    ]
    tracks = builders.catalogue(
        [
            {
                "track_id": f"{genre}{i}",
                "artist_ids": [f"{genre}{'xy'[i % 2]}"],
                "genres": [genre],
                "release_date": RELEASED,
            }
            for genre in "rj"
            for i in range(NUM_TRACKS)
        ]
    )
    users = builders.users([f"u{user:02}" for user in range(17)], [*(["SE", "NO"] * 8), None])
    return replace(builders.dataset(plays, tracks), users=users)


def tiny_settings() -> Settings:
    """Settings under which the two-tower trains in a moment."""
    return parse_settings(
        "two_tower: {dim: 8, batch_size: 32, epochs: 2, history_length: 5, hard_negatives: 4}\n"
        "als: {factors: 2}\n"
        "item2vec: {dim: 4, epochs: 200, learning_rate: 0.1}\n"
        "session_model: {dim: 8, length: 4, batch_size: 8, epochs: 20, learning_rate: 0.02, negatives: 8}\n"
        "index: {backend: exact}\nsources: {candidates: 12, per_source: 6, neighbours: 5, from_pairs: always}\n"
    )
