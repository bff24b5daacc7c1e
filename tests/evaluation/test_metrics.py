"""Metrics against values worked out by hand; the formula stands beside each."""

import numpy as np
import pytest

from crossfade.evaluation.cohorts import track_cohorts
from crossfade.evaluation.metrics import DESCRIPTIVE, HIGHER, LOWER, direction, user_metrics
from crossfade.evaluation.popularity import Popularity
from tests.evaluation import worlds

NAN = float("nan")
LOG3 = np.log2(3)


def _metrics(*lists: list[str]) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    world = worlds.letters()
    return user_metrics(worlds.slates(world, *lists), worlds.truth(world))


def test_accuracy_by_hand() -> None:
    # Relevant: ann a2 b2, bob c1, cat a1. ann hits at places 2 and 3 (from 1), bob at 1, cat nowhere.
    found = _metrics(["c1", "a2", "b2"], ["c1", "a2", "-"], ["c1", "-", "-"])
    assert found["recall"].tolist() == [1.0, 1.0, 0.0]
    # DCG = 1/log2(3) + 1/log2(4), ideal = 1/log2(2) + 1/log2(3)
    assert found["ndcg"] == pytest.approx([(1 / LOG3 + 1 / 2) / (1 + 1 / LOG3), 1.0, 0.0])
    assert found["hit_rate"].tolist() == [1.0, 1.0, 0.0]
    assert found["precision"] == pytest.approx([2 / 3, 1 / 3, 0.0])


def test_recall_divides_by_all_relevant_tracks_and_ndcg_by_what_k_allows() -> None:
    world = worlds.letters()
    truth = worlds.truth(world)
    found = user_metrics(worlds.slates(world, ["a2"], ["-"], ["a1"]), truth)
    assert found["recall"].tolist() == [0.5, 0.0, 1.0]
    assert found["ndcg"].tolist() == [1.0, 0.0, 1.0]


def test_recall_by_track_cohort_counts_only_relevant_tracks_of_it() -> None:
    # Before the period: a1 has 4 listens of 5, b1 one; so a1 is the head, b1 the tail, the rest cold.
    world = worlds.letters()
    truth = worlds.truth(world)
    assert track_cohorts(np.arange(6, dtype=np.int32), truth.popularity).tolist() == [2, 0, 1, 0, 0, 0]
    found = _metrics(["a2", "-", "-"], ["-", "-", "-"], ["a1", "-", "-"])
    np.testing.assert_equal(found["recall_cold"], [0.5, 0.0, NAN])
    np.testing.assert_equal(found["recall_head"], [NAN, NAN, 1.0])
    np.testing.assert_equal(found["recall_tail"], [NAN, NAN, NAN])


def test_novelty_tail_and_new_artists_by_hand() -> None:
    found = _metrics(["a1", "b1", "c1"], ["b1", "-", "-"], ["-", "-", "-"])
    # 3 of 3 users know a1: -log2((3+1)/(3+1)) = 0; one knows b1: -log2(2/4) = 1; nobody c1: -log2(1/4) = 2.
    np.testing.assert_allclose(found["novelty_bits"], [1.0, 1.0, NAN])
    np.testing.assert_allclose(found["long_tail_share"], [2 / 3, 1.0, NAN])
    # ann knows artists a and b; bob only a.
    np.testing.assert_allclose(found["new_artist_share"], [1 / 3, 1.0, NAN])


def test_calibration_is_the_divergence_of_genre_mixes() -> None:
    found = _metrics(["a1", "a2", "b1"], ["b1", "b2", "-"], ["a1", "-", "-"])
    # ann's history a1 a1 b1: p = (2/3, 1/3), as her slate: 0. bob p = (1, 0), q = (0, 1): log(1 / 0.01).
    np.testing.assert_allclose(found["calibration_error"], [0.0, np.log(100), NAN], atol=1e-12)
    only_a = _metrics(["a1", "a2", "-"], ["c1", "c2", "-"], ["-", "-", "-"])
    # p = (2/3, 1/3), q = (1, 0): sum of p log(p / (0.99 q + 0.01 p)); bob's slate has no genre.
    expected = 2 / 3 * np.log((2 / 3) / (0.99 + 0.02 / 3)) + 1 / 3 * np.log(100)
    np.testing.assert_allclose(only_a["calibration_error"], [expected, NAN, NAN])


def test_diversity_is_the_mean_distance_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    genres = [sorted(rng.choice(list("pqrst"), rng.integers(0, 4), replace=False)) for _ in range(12)]
    tracks: list[dict[str, object]] = [
        {"track_id": f"t{i:02}", "genres": list(g)} for i, g in enumerate(genres)
    ]
    world = worlds.dataset([(f"u{i}", "t00", 12.0) for i in range(20)], tracks)
    rows = np.stack([rng.choice(12, 5, replace=False) for _ in range(20)]).astype(np.int32)
    rows[3, 2:] = -1
    rows[4, 1:] = -1

    def oracle(slate: list[int]) -> float:
        sets = [set(genres[row]) for row in slate if row >= 0 and len(genres[row])]
        # 1 - |A and B| / sqrt(|A| |B|), the cosine distance of 0/1 vectors
        pairs = [
            1 - len(a & b) / np.sqrt(len(a) * len(b))
            for i, a in enumerate(sets)
            for j, b in enumerate(sets)
            if i < j
        ]
        return float(np.mean(pairs)) if pairs else NAN

    found = user_metrics(rows, worlds.truth(world))["diversity"]
    np.testing.assert_allclose(found, [oracle(slate) for slate in rows.tolist()], atol=1e-12)
    assert np.isnan(found[4])


def test_random_slates_agree_with_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    tracks: list[dict[str, object]] = [{"track_id": f"t{i:02}"} for i in range(30)]
    plays = [
        (f"u{u}", f"t{t:02}", day)
        for u in range(15)
        for day in (2.0, 12.0)
        for t in rng.choice(30, 8, replace=False)
    ]
    world = worlds.dataset(plays, tracks)
    truth = worlds.truth(world)
    rows = np.stack([rng.permutation(30)[:6] for _ in range(len(truth))]).astype(np.int32)
    found = user_metrics(rows, truth)
    for i, slate in enumerate(rows.tolist()):
        relevant = set(truth.track_rows[truth.offsets[i] : truth.offsets[i + 1]].tolist())
        gains = [1 / np.log2(place + 2) for place, row in enumerate(slate) if row in relevant]
        ideal = sum(1 / np.log2(place + 2) for place in range(min(len(relevant), 6)))
        assert found["recall"][i] == pytest.approx(len(gains) / len(relevant))
        assert found["ndcg"][i] == pytest.approx(sum(gains) / ideal)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("recall", HIGHER),
        ("recall_cold", HIGHER),
        ("hit_rate", HIGHER),
        ("diversity_score", HIGHER),
        ("calibration_error", LOWER),
        ("recall_loss", LOWER),
        ("novelty_bits", DESCRIPTIVE),
        ("recalled", DESCRIPTIVE),
    ],
)
def test_the_direction_stands_in_the_name(metric: str, expected: int) -> None:
    assert direction(metric) == expected


def test_popularity_counts_only_the_past() -> None:
    world = worlds.letters()
    counts = Popularity.of(world, worlds.START)
    assert counts.listens.tolist() == [4, 0, 1, 0, 0, 0]
    assert counts.listeners.tolist() == [3, 0, 1, 0, 0, 0]
    assert counts.num_users == 3
    nothing = Popularity.of(world, 0)
    assert not nothing.is_head.any()
    assert nothing.is_cold.all()


def test_shares_by_listeners_are_bins_of_powers_of_two() -> None:
    listeners = np.array([0, 1, 2, 3, 4, 7, 8])
    counts = Popularity(listeners, listeners, 9)
    # bins: 0 | 1 | 2 3 | 4 5 6 7 | 8 ...
    shown = np.array([[0, 1, 2, 3], [4, 5, 6, -1]], np.int32)
    assert counts.shares_by_listeners(shown) == pytest.approx(np.array([1, 1, 2, 2, 1]) / 7)
    assert counts.shares_by_listeners(np.full((1, 3), -1, np.int32)).tolist() == [0, 0, 0, 0, 0]
