"""Metrics at each k are those of the formulas; seeds are averaged and spread; the best peer is the best of the peers."""

import math

import numpy as np
import pytest

from crossfade.evaluation.evaluation import Resampling
from crossfade.evaluation.table import table
from crossfade.evaluation.yardstick import Yardstick, measure
from tests.evaluation import worlds

RESAMPLING = Resampling(200, 0.95, 1)
USERS = 40
BASE = np.random.default_rng(0).uniform(0.1, 0.3, USERS)


def _run(values: np.ndarray) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return {
        f"{name}@{k}": values for k in (5, 2) for name in ("recall", "ndcg", "hit_rate", "mrr", "precision")
    }


def _yardstick() -> Yardstick:
    runs = {
        "popularity": [_run(BASE - 0.05)],
        "weak": [_run(BASE)],
        "strong": [_run(BASE + 0.1)],
        "recommender": [_run(BASE + 0.2), _run(BASE + 0.22), _run(BASE + 0.24)],
    }
    return Yardstick(runs, (5, 2), ("popularity", "weak", "strong"), RESAMPLING)


def test_metrics_at_each_length() -> None:
    world = worlds.letters()
    truth = worlds.truth(world)
    # ann wants a2 and b2; bob wants c1, cat a1.
    slates = worlds.slates(world, ["c1", "b2", "a2"], ["b1", "c2", "-"], ["a1", "-", "-"])
    found = measure(worlds.fixed(slates, truth.queries.user_rows.tolist()), truth, (3, 2, 1))
    # ann at 3: hits at places 2 and 3 of 2 wanted.
    ndcg = (1 / math.log2(3) + 1 / math.log2(4)) / (1 + 1 / math.log2(3))
    assert found["ndcg@3"].tolist() == pytest.approx([ndcg, 0, 1])
    assert found["recall@3"].tolist() == [1, 0, 1]
    assert found["recall@2"].tolist() == [0.5, 0, 1]
    assert found["recall@1"].tolist() == [0, 0, 1]
    assert found["mrr@3"].tolist() == found["mrr@2"].tolist() == [0.5, 0, 1]
    assert found["hit_rate@1"].tolist() == [0, 0, 1]
    assert found["precision@2"].tolist() == [0.5, 0, 0.5]


def test_seeds_are_averaged_and_their_spread_is_told() -> None:
    found = _yardstick()
    assert found.summary["recommender"]["ndcg@5"].mean == pytest.approx(BASE.mean() + 0.22)
    assert found.spread("recommender", "ndcg@5") == pytest.approx(0.02)
    assert found.means("recommender", "ndcg@5") == pytest.approx(BASE.mean() + np.array([0.2, 0.22, 0.24]))
    assert found.spread("weak", "ndcg@5") is None


def test_the_best_peer_is_compared_with_user_by_user() -> None:
    found = _yardstick()
    assert found.headline == "ndcg@5"
    assert found.best_rival == "strong"
    better = found.against("recommender", "strong")["ndcg@5"]
    assert better.difference == pytest.approx((0.12, 0.12, 0.12))
    assert better.ratio.mean == pytest.approx((BASE.mean() + 0.22) / (BASE.mean() + 0.1))
    assert better.ratio.low < better.ratio.mean < better.ratio.high
    assert better.p_value == 1 / 2001
    assert found.against("strong", "strong")["ndcg@5"].p_value == 1.0


def test_nothing_found_is_no_number_and_json_says_null() -> None:
    nothing = Yardstick(
        {"popularity": [_run(np.zeros(USERS))], "recommender": [_run(BASE)]},
        (5, 2),
        ("popularity",),
        RESAMPLING,
    )
    assert math.isnan(nothing.against("recommender", "popularity")["ndcg@5"].ratio.mean)
    about = nothing.as_json()
    assert about["minus_best_peer"]["recommender"]["ndcg@5"]["ratio"] == [None, None, None]
    assert about["systems"]["recommender"]["ndcg@5"]["by_seed"] == [pytest.approx(BASE.mean())]


def test_one_table_for_people() -> None:
    lines = table(_yardstick(), "recommender")
    assert (
        lines[0]
        == "40 test users; means with 95 % bootstrap intervals; ± is the standard deviation over 3 seeds."
    )
    assert lines[2].split() == ["recall@5", "ndcg@5", "hit_rate@5", "mrr@5", "precision@5"]
    rows = [line for line in lines if line.startswith("Whole recommender ")]
    assert f"{BASE.mean() + 0.22:.4f} [" in rows[0]
    assert "] ±0.0200" in rows[0]
    assert "±" not in next(line for line in lines if line.startswith("weak"))
    assert "Whole recommender against the best peer, strong (paired by user; p by permutation):" in lines
    assert any("ndcg@2" in line and "difference +0.1200 [+0.1200, +0.1200]" in line for line in lines)
