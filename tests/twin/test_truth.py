"""The truth: affinity is the soft maximum over interests, drifts, and predicts what is heard next."""

import numpy as np
import pytest

from crossfade.twin.portrait import Listens
from crossfade.twin.truth import Truth
from crossfade.twin.twin import Twin

DAY = 86_400


def _oracle(truth: Truth, user: int, track: int, progress: float) -> float:
    """log(sum over interests of share * exp(10 * cosine)) / 10, interests moved evenly from start to end."""
    moved = (1 - progress) * truth.interests_start[user] + progress * truth.interests_end[user]
    moved = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    cosine = moved.astype(np.float64) @ truth.track_latents[track]
    return float(np.log(np.sum(np.exp(truth.log_shares[user]) * np.exp(10 * cosine))) / 10)


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_affinity_is_the_soft_maximum_over_interests(twin: Twin, progress: float) -> None:
    rng = np.random.default_rng(1)
    users, tracks = rng.integers(500, size=40), rng.integers(2_000, size=40)
    affinity = twin.truth.affinity(users, tracks, progress=progress)
    expected = [_oracle(twin.truth, user, track, progress) for user, track in zip(users, tracks, strict=True)]
    assert affinity.dtype == np.float32
    assert np.allclose(affinity, expected, atol=1e-4)


def test_pairs_rows_and_the_whole_agree(twin: Twin) -> None:
    users = np.array([3, 0], np.int32)
    every = twin.truth.affinities(users)
    assert every.shape == (2, 2_000)
    pairs = twin.affinity(np.repeat(users, 2_000), np.tile(np.arange(2_000), 2))
    assert np.allclose(every.ravel(), pairs, atol=1e-5)
    assert np.allclose(twin.truth.affinities(np.array([0])), every[1:], atol=1e-5)


def test_wishes_are_affinity_by_boldness_plus_log_popularity(twin: Twin) -> None:
    users = np.array([4, 9])
    bold = 30 - 14 * twin.truth.adventurousness[users]
    expected = bold[:, None] * twin.truth.affinities(users) + np.log(twin.truth.track_weights)
    assert np.allclose(twin.truth.wishes(users), expected, atol=1e-3)


def test_tastes_drift_slightly(twin: Twin) -> None:
    cosine = np.sum(twin.truth.interests_start * twin.truth.interests_end, axis=2)
    assert 0.9 < cosine.mean() < 0.999
    assert cosine.min() > 0.85


def test_interests_have_genres_and_shares(twin: Twin) -> None:
    truth = twin.truth
    assert (truth.log_shares[:, 0] == 0).all()
    assert (truth.log_shares <= 0).all()
    assert np.array_equal(np.isneginf(truth.log_shares), truth.interest_genres < 0)
    assert 1.5 < np.isfinite(truth.log_shares).sum(axis=1).mean() < 3.5


def _recall(scores: np.ndarray, wanted: np.ndarray, heard: np.ndarray, k: int = 30) -> float:
    """Mean over users of the share of wanted tracks among their k best that they had not heard."""
    best = np.argsort(-np.where(heard, -np.inf, scores), axis=1)[:, :k]
    hits = np.take_along_axis(wanted, best, axis=1).sum(axis=1)
    return float(np.mean(hits / wanted.sum(axis=1)))


def test_true_tastes_predict_new_listens_far_better_than_popularity(twin: Twin, listens: Listens) -> None:
    shape = (twin.users.num_rows, twin.tracks.num_rows)
    train = listens.seconds < (twin.spec.start_day + twin.spec.num_days - 7) * DAY
    heard, wanted, plays = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape[1])
    heard[listens.users[train], listens.tracks[train]] = True
    later = ~train & ~listens.skipped
    wanted[listens.users[later], listens.tracks[later]] = True
    wanted &= ~heard
    np.add.at(plays, listens.tracks[train & ~listens.skipped], 1)
    users = np.flatnonzero(wanted.any(axis=1) & heard.any(axis=1))
    popular = _recall(np.tile(plays, (len(users), 1)), wanted[users], heard[users])
    affinity = _recall(twin.truth.affinities(users), wanted[users], heard[users])
    wishes = _recall(twin.truth.wishes(users), wanted[users], heard[users])
    assert popular > 0.02
    assert affinity > 2 * popular
    assert wishes > 2.5 * popular
