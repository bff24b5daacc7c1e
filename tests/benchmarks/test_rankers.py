"""The benchmark of rankers looks at nothing from the test period on, and pairs radios by session."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import rankers
from benchmarks.rankers import before_test, next_tracks, over_seeds, radio_quality, radio_ranks
from crossfade.evaluation.evaluation import Evaluation
from crossfade.features.dataset import Split
from crossfade.features.interactions import SECONDS_PER_DAY, Queries
from crossfade.schema.settings import default_settings
from tests import builders
from tests.evaluation.worlds import evaluation


def test_the_validation_period_takes_the_place_of_the_test_period() -> None:
    day = SECONDS_PER_DAY
    plays = [("u", "a", 1), ("u", "b", 5), ("v", "a", 6.5), ("v", "c", 8), ("u", "c", 9.5)]
    given = builders.dataset(plays, split=Split(6 * day, 8 * day, 10 * day))
    found = before_test(given)
    assert found.split == Split(4 * day, 6 * day, 8 * day)
    assert found.interactions.seconds.max() < 8 * day
    assert len(found.interactions) == 3


def test_radios_are_judged_by_what_came_next_and_against_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    day, minute = SECONDS_PER_DAY, 1 / 1440
    # One moment in each of two sessions: after a came b.
    plays = [(user, track, 3 + minute * place) for user in "uv" for place, track in enumerate("ab")]
    given = builders.dataset([*plays, ("u", "c", 1)], split=Split(day, 2 * day, 4 * day))

    def always(*tracks: int) -> Any:
        def recommend(queries: Queries, _: int) -> Any:
            return np.tile(np.array(tracks, np.int32), (len(queries), 1)), None

        return SimpleNamespace(dataset=given, recommend=recommend)

    monkeypatch.setattr(rankers, "before_policy", lambda recommender, *_: recommender.recommend)
    moments = next_tracks(given, 10, default_settings())
    ranks = radio_ranks({rankers.FIRST: always(1, 2), "other": always(2, 1)}, moments)
    found = radio_quality([ranks, ranks], moments, default_settings())
    assert found == {
        "radio_sessions": 2,
        "radio_moments": 2,
        f"{rankers.FIRST}_radio_mrr": 1.0,
        "other_radio_mrr": 0.5,
        **{f"other_minus_{rankers.FIRST}_radio_mrr_{edge}": -0.5 for edge in ("mean", "low", "high")},
    }


def test_seeds_of_training_are_averaged_listener_by_listener() -> None:
    def judged(*ndcg: float) -> Evaluation:
        return evaluation("any", {"ndcg": ndcg})

    found = over_seeds(
        [{"a": judged(0.0, 0.5), "b": judged(1.0, 0.0)}, {"a": judged(0.5, 0.5), "b": judged(0.0, 0.0)}]
    )
    np.testing.assert_array_equal(found["a"].metrics["ndcg"], [0.25, 0.5])
    np.testing.assert_array_equal(found["b"].metrics["ndcg"], [0.5, 0.0])
