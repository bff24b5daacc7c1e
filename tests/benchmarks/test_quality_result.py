"""The table names the best peer by NDCG and judges the whole recommender by its paired gain over it."""

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.harness import Options, Result
from benchmarks.quality.data import load_dataset
from crossfade.schema.errors import NotFoundError
from tests.evaluation import worlds

USERS = 50
BASE = np.random.default_rng(0).uniform(0.1, 0.3, USERS)


def _found(gain: float) -> Result:
    values = {"popularity": BASE - 0.05, "weak": BASE, "strong": BASE + 0.1, "recommender": BASE + 0.1 + gain}
    judged = {name: worlds.evaluation(name, {"recall": v, "ndcg": v}) for name, v in values.items()}
    chosen = {"weak": "K=20", "strong": "factors=64"}
    return quality._result(judged, chosen, [0] * USERS, quick=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(("gain", "holds"), [(0.05, True), (0.0, True), (-0.05, False)])
def test_the_gain_over_the_best_peer_is_judged(gain: float, holds: bool) -> None:
    found = _found(gain)
    assert found.figures["best_peer"] == "strong"
    assert found.figures["test_users"] == USERS
    assert found.figures["gain_ndcg"] == pytest.approx(gain)
    assert {name: bar.holds for name, bar in found.bars.items()} == {"gain_recall": holds, "gain_ndcg": holds}


def test_the_table_has_means_intervals_and_parameters() -> None:
    lines = _found(0.05).notes
    row = next(line for line in lines if line.startswith("strong"))
    assert f"{BASE.mean() + 0.1:.4f} [" in row
    assert row.endswith("factors=64")
    assert any(line.startswith("whole recommender minus strong, ndcg: +0.0500 [+0.0500") for line in lines)


def test_without_a_lake_it_says_so(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotFoundError, match="lake"):
        load_dataset(Options(directory=tmp_path), worlds.settings())
