"""The best peer is told by NDCG, and the bar is the whole recommender's ratio to it."""

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.harness import Options, Result
from benchmarks.quality.data import load_trial
from benchmarks.quality.factor_peers import ALS
from benchmarks.quality.tuning import Protocol, Tuned
from crossfade.evaluation.evaluation import Resampling
from crossfade.evaluation.trial import Trial
from crossfade.evaluation.yardstick import METRICS, Yardstick
from crossfade.schema.errors import NotFoundError
from tests.benchmarks.clusters import clusters
from tests.evaluation import worlds

USERS = 50
BASE = np.random.default_rng(0).uniform(0.1, 0.3, USERS)
TUNED = Tuned({"factors": 64}, 8, 0.5)


def _measured(ratio: float) -> Yardstick:
    values = {"popularity": BASE / 2, "weak": BASE, ALS.name: BASE + 0.1, "recommender": (BASE + 0.1) * ratio}
    runs = {
        name: [{f"{metric}@{k}": each for k in (30, 10) for metric in METRICS}]
        for name, each in values.items()
    }
    return Yardstick(runs, (30, 10), ("popularity", "weak", ALS.name), Resampling(200, 0.95, 1))


def _found(ratio: float, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setattr(quality, "tuned", lambda *_, **__: TUNED)
    monkeypatch.setattr(quality, "judge_trial", lambda *_, **__: _measured(ratio))
    trial = Trial.of(clusters())
    return quality._judged(trial, worlds.settings(), Options(num_seeds=1), world="known_")


@pytest.mark.parametrize(("ratio", "holds"), [(1.2, True), (1.1 + 1e-9, True), (1.05, False), (0.9, False)])
def test_the_ratio_to_the_best_peer_is_judged(
    ratio: float, holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _found(ratio, monkeypatch)
    assert found.figures["known_best_peer"] == ALS.name
    assert found.figures["known_test_users"] == USERS
    assert found.figures["known_gain_ndcg"] == pytest.approx((ratio - 1) * (BASE.mean() + 0.1))
    assert found.figures["known_ndcg_over_best_peer"] == pytest.approx(ratio)
    assert found.figures["known_recommender_ndcg@10"] == pytest.approx(ratio * (BASE.mean() + 0.1))
    assert {name: bar.holds for name, bar in found.bars.items()} == {"known_ndcg_over_best_peer": holds}


def test_budget_seed_and_search_space_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _found(1.2, monkeypatch)
    assert found.figures["known_seed"] == worlds.settings().seed
    assert found.figures[f"known_{ALS.name}_trials"] == 8
    assert "factors in 100, 32, 64, 200; " in str(found.figures[f"known_{ALS.name}_search_space"])
    line = next(line for line in found.notes if line.startswith(f"  {ALS.name}: "))
    assert line.startswith(f"  {ALS.name}: factors=64 (best of 8 from factors in 100, 32, 64, 200; ")
    assert len({found.figures[f"known_{peer.name}_trials"] for peer in quality.PEERS}) == 1


def test_tuned_peers_are_fitted_on_what_test_users_know(monkeypatch: pytest.MonkeyPatch) -> None:
    world, asked = clusters(), []

    def fitted(peer: object, parameters: object, known: object, protocol: object, seed: int) -> object:
        asked.append((peer, parameters, known.interactions.seconds.max(), seed))  # type: ignore[attr-defined]
        return peer

    monkeypatch.setattr(quality, "fitted", fitted)
    protocol = Protocol(None, None)  # type: ignore[arg-type]
    systems = quality.fitted_peers(Trial.of(world), {ALS.name: TUNED}, protocol, 7)
    assert systems == {ALS.name: ALS}
    ((peer, parameters, newest, seed),) = asked
    assert (peer, parameters, seed) == (ALS, {"factors": 64}, 7)
    assert newest < worlds.START


def test_without_a_lake_it_says_so(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotFoundError, match="lake"):
        load_trial(Options(directory=tmp_path), worlds.settings())
