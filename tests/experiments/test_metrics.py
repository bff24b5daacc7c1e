"""Metrics of users, against arithmetic by hand."""

import pyarrow as pa
import pytest

from crossfade.experiments.metrics import METRICS, metric, moments
from crossfade.lake.participants import BEFORE, COUNTS
from crossfade.schema.errors import InputError


def arm(**columns: list[int]) -> pa.Table:
    length = len(next(iter(columns.values())))
    zeros = {f"{name}{ending}": [0] * length for name in COUNTS for ending in ("", BEFORE)}
    return pa.table({**zeros, **columns})


def test_means_ratios_and_what_users_did_before() -> None:
    arms = {
        "control": arm(plays=[2, 4, 6], skips=[1, 1, 4], plays_before=[0, 0, 0]),
        "flow": arm(plays=[5, 7], skips=[0, 3], plays_before=[0, 0]),
    }
    told = moments("plays", arms)
    assert {name: float(each.mean) for name, each in told.items()} == {"control": 4.0, "flow": 6.0}
    assert moments("skip_rate", arms)["control"].mean == pytest.approx(6 / 12)
    assert moments("skip_rate", arms)["flow"].variance == pytest.approx(
        ((0 - 5 / 4) ** 2 + (3 - 7 / 4) ** 2) / 6**2
    )
    # Users who play as much as before leave nothing but the treatment's one play more.
    steady = {
        "control": arm(plays=[2, 4, 6], plays_before=[2, 4, 6]),
        "flow": arm(plays=[4, 6, 8], plays_before=[3, 5, 7]),
    }
    told = moments("plays", steady)
    assert told["flow"].mean - told["control"].mean == pytest.approx(1.0)
    assert told["control"].variance == pytest.approx(0.0)


def test_who_has_nothing_to_tell_is_left_out() -> None:
    nobody, idle = arm(plays=[1])[:0], arm(plays=[0, 0])
    assert moments("plays", {"control": nobody}) == {}
    assert list(moments("skip_rate", {"control": idle, "flow": arm(plays=[1, 2])})) == ["flow"]


def test_every_metric_reads_columns_that_there_are_and_others_are_refused() -> None:
    for name in METRICS:
        assert list(
            moments(name, {"a": arm(plays=[1, 2], saves=[1, 0], sessions=[1, 1], discovered=[1, 0])})
        ) == ["a"]
    with pytest.raises(InputError, match="Metric 'joy' does not exist; choose one of: plays, "):
        metric("joy")
