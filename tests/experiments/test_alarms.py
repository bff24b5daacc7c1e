"""Alarms against a real Prometheus, which scrapes itself; on both sides of their bound, and where it is away or refuses."""

import pytest

from crossfade.experiments.alarms import Prometheus
from crossfade.experiments.deciding import by_alarms
from crossfade.experiments.decision import Action
from crossfade.experiments.history import Standing
from crossfade.experiments.spec import Alarm
from crossfade.schema.errors import CrossfadeError, InputError
from tests.experiments.rollouts import experiment

STANDING = Standing(1, None, None, None, None)


def alarm(query: str, at_most: float = 0.5) -> Alarm:
    return Alarm(name="unwell", query=query, at_most=at_most)


def test_only_what_is_beyond_its_bound_rolls_back(prometheus: Prometheus) -> None:
    well = (alarm("up", at_most=1), alarm("no_such_metric"), alarm("0 / 0"), alarm("0.5"))
    assert by_alarms(prometheus, experiment().model_copy(update={"spec": _spec(*well)}))(STANDING) is None
    raised = by_alarms(prometheus, experiment().model_copy(update={"spec": _spec(*well, alarm("up"))}))(
        STANDING
    )
    assert raised is not None
    decision, seen = raised
    assert (decision.action, seen) == (Action.ROLL_BACK, {})
    (reason,) = decision.reasons
    assert reason.startswith("Alarm unwell: 1 (__name__=up, instance=127.0.0.1:")
    assert reason.endswith("job=self), at most 0.5 is well.")
    assert prometheus.raised((alarm("2 * 2"),)) == ("Alarm unwell: 4, at most 0.5 is well.",)


def _spec(*alarms: Alarm) -> object:
    return experiment().spec.model_copy(update={"alarms": alarms})


def test_a_query_that_is_none_is_refused(prometheus: Prometheus) -> None:
    with pytest.raises(InputError, match=r"Prometheus refuses 'sum\('"):
        prometheus.values("sum(")
    with pytest.raises(InputError, match="answers with a matrix; an alarm needs one value a series"):
        prometheus.values("up[1m]")


def test_a_prometheus_that_is_away_is_told() -> None:
    with pytest.raises(
        CrossfadeError, match=r"127\.0\.0\.1:9 does not answer: .* No guardrail was looked at"
    ):
        Prometheus("http://127.0.0.1:9").values("up")
    with pytest.raises(InputError, match="--prometheus 'localhost' is no address"):
        Prometheus("localhost")
