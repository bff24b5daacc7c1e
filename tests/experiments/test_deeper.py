"""What a report tells beyond the decision, from planted days: a novelty that wears off, a habit that brings people back."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from crossfade.experiments.days import Days
from crossfade.experiments.deeper import interleaving, long_term, novelty, quantiles
from crossfade.experiments.spec import Experiment, ExperimentSpec
from crossfade.lake.days_since import DAILY
from tests.experiments.test_metrics import arm
from tests.experiments.test_spec import manifest

BEGAN = datetime(2026, 3, 2, 12, 0, 0, 500_000, tzinfo=UTC)
USERS = 400


def spec(metric: str = "plays", **changes: object) -> ExperimentSpec:
    told = manifest()
    told["spec"] |= {"primary": {"name": metric, "minimumEffect": 0.1}, "guardrails": [], **changes}
    return Experiment.model_validate(told).spec


def days(plays: dict[str, np.ndarray], known: int) -> Days:
    """Variant -> plays [users, days]; all were first shown it at once, `known` days ago."""
    users, acts = [], []
    for variant, by_day in plays.items():
        for number, row in enumerate(by_day):
            users.append({"user_id": f"{variant}{number}", "variant": variant, "first_shown": BEGAN})
            acts += [
                {"user_id": f"{variant}{number}", "day": day, **dict.fromkeys(DAILY, 0), "plays": int(count)}
                for day, count in enumerate(row)
                if count
            ]
    return Days(pa.Table.from_pylist(users), pa.Table.from_pylist(acts), BEGAN + timedelta(days=known))


def test_a_novelty_that_wears_off_has_a_trend_towards_nothing() -> None:
    random = np.random.default_rng(1)
    # Four plays a day; the treatment's first day has twice as many, each later one a fifth of that less.
    extra = 1 + np.maximum(1 - 0.2 * np.arange(6), 0)
    arms = {"control": random.poisson(4, (USERS, 6)), "flow": random.poisson(4 * extra, (USERS, 6))}
    told = novelty(spec(), days(arms, 6))["flow"]
    assert len(told["days"]) == 6
    assert told["days"][0]["estimate"] == pytest.approx(1, abs=0.1)
    assert told["trend"]["estimate"] == pytest.approx(-0.2, abs=0.03)
    assert told["trend"]["high"] < 0
    # Of days that are not over nothing is told, and two are no trend.
    assert len(novelty(spec(), days(arms, 4))["flow"]["days"]) == 4
    assert "Fewer than three days" in novelty(spec(), days(arms, 2))["missing"]
    assert (
        "return_rate has no value on a single day" in novelty(spec("return_rate"), days(arms, 6))["missing"]
    )


def test_a_ratio_is_one_of_sums_on_each_day() -> None:
    random = np.random.default_rng(2)
    arms = {name: 1 + random.poisson(4, (USERS, 5)) for name in ("control", "flow")}
    found = days(arms, 5)
    halves = pa.array(np.asarray(found.acts.column("plays")) // 2)
    skipped = found.acts.drop_columns("skips").append_column("skips", halves)
    told = novelty(spec("skip_rate"), Days(found.users, skipped, found.last))["flow"]
    assert abs(told["days"][0]["estimate"]) < 0.1
    assert told["trend"]["low"] < 0 < told["trend"]["high"]


def test_who_listens_much_at_first_comes_back() -> None:
    random = np.random.default_rng(3)
    eager = np.arange(USERS) % 2 == 0
    plays = np.zeros((USERS, 40), np.int64)
    plays[:, :14] = np.where(eager[:, None], 6, 2) + random.integers(0, 2, (USERS, 14))
    plays[:, 33] = eager * (random.random(USERS) < 0.9)  # in the week after thirty days
    past = days({"control": plays}, 51)
    more = {"control": np.full((USERS, 14), 2), "flow": np.full((USERS, 14), 6)}
    told = long_term(spec(), days(more, 14), past)
    assert told["users"] == USERS
    assert told["explained"] > 0.7
    assert told["effects"]["flow"]["estimate"] == pytest.approx(0.9, abs=0.15)
    assert told["effects"]["flow"]["low"] > 0.5
    assert (
        "Too few users were first shown it 14 days ago" in long_term(spec(), days(more, 13), past)["missing"]
    )
    nobody = Days(past.users.slice(0, 5), past.acts, past.last)
    assert long_term(spec(), days(more, 14), nobody)["missing"].startswith("5 users of before were seen")


def test_a_quantile_tells_what_the_mean_hides() -> None:
    plays = np.arange(1000) % 100
    lucky = np.where(plays >= 89, plays + 50, plays)  # the heaviest tenth alone plays more
    arms = {"control": arm(plays=plays.tolist()), "flow": arm(plays=lucky.tolist())}
    told = quantiles(spec(), arms)["plays"]["flow"]
    assert told["0.5"]["estimate"] == 0
    assert told["0.5"]["low"] <= 0 <= told["0.5"]["high"]
    assert told["0.9"]["estimate"] == pytest.approx(50, abs=2)
    assert told["0.99"]["low"] > 0
    few = {name: table.slice(0, 20) for name, table in arms.items()}
    assert list(quantiles(spec(), few)["plays"]["flow"]) == ["0.5"]
    assert "No metric of the manifest is a count" in quantiles(spec("skip_rate"), arms)["missing"]


def test_of_interleaved_slates_each_user_prefers_one() -> None:
    rows = [("u1", 2, 5), ("u2", 1, 3), ("u3", 0, 1), ("u4", 4, 4), ("u5", 3, 1)]
    picks = pa.Table.from_pylist(
        [
            {"user_id": user, "variant": name, "plays": plays}
            for user, *both in rows
            for name, plays in zip(("control", "flow"), both, strict=True)
        ]
    )
    told = interleaving(spec(), picks)["flow"]
    assert told["users"] == 5
    assert told["prefer"] == 0.75
    assert told["p_value"] == pytest.approx(0.625)  # three or more of four, both ways: 10/16
    assert "side by side" in interleaving(spec(), picks.slice(0, 1))["missing"]
