"""The watch over guardrails: rolls back at once, is told of an outage once, and is hindered by nothing for good."""

from datetime import timedelta
from pathlib import Path

import pytest

from crossfade.experiments.alarms import Prometheus
from crossfade.experiments.watching import Watch, keep_looking
from crossfade.schema.errors import CrossfadeError
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import WATCH_METRICS
from tests.experiments.rollouts import NOW, Place, experiment

AWAY = Prometheus("http://127.0.0.1:9")
UP = [{"name": "unwell", "query": "up", "atMost": 0.5}]
WELL = [{"name": "unwell", "query": "up", "atMost": 1}]


class Case:
    """Two experiments under a watch that writes down what it says."""

    def __init__(self, home: Path, first: list[dict[str, object]], second: list[dict[str, object]]) -> None:
        self.place, self.told, self.applied = Place(home), list[str](), 0
        self.place.step(found=experiment("first", alarms=first))
        self.place.step(found=experiment("second", surface="home", alarms=second))
        self.exposition = Exposition(WATCH_METRICS)
        self.watch = Watch(self.place.rollout, AWAY, self.told.append, self.exposition, self.apply)
        self.now = NOW

    def apply(self) -> None:
        self.applied += 1
        if self.applied == 1:
            raise CrossfadeError("Kubernetes does not answer.")

    def look(self, prometheus: Prometheus) -> list[str]:
        """Look once; return what was said."""
        self.watch.prometheus, self.now = prometheus, self.now + timedelta(minutes=1)
        self.told.clear()
        self.watch.look(self.now)
        return [*self.told]

    def figure(self, name: str) -> float:
        (line,) = (each for each in self.exposition.text().decode().splitlines() if each.startswith(name))
        return float(line.split()[-1])

    @property
    def running(self) -> list[str]:
        return [path.stem for path in sorted((self.place.rollout.directory / "experiments").iterdir())]


def test_an_outage_is_told_once_and_what_does_harm_goes_back_after_it(
    prometheus: Prometheus, tmp_path: Path
) -> None:
    case = Case(tmp_path, UP, WELL)
    said = case.look(AWAY)
    assert len(said) == 2
    assert said[0].startswith("Prometheus at http://127.0.0.1:9 does not answer: ")
    assert said[0].endswith(" No guardrail was looked at. It is asked again at every look.")
    assert said[1] == "The rollout is not applied yet: Kubernetes does not answer."
    assert case.look(AWAY) == ["The rollout is applied."]
    assert case.look(AWAY) == []
    assert (case.running, case.applied) == (["first", "second"], 2)
    assert case.figure('crossfade_guardrail_looks_total{result="away"}') == 6
    assert case.figure("crossfade_guardrail_last_look_timestamp_seconds") == 0

    said = case.look(prometheus)
    assert said[0] == f"Prometheus at {prometheus.url} answers again."
    assert said[1].startswith("first was rolled back. Alarm unwell: 1 (")
    assert (len(said), case.running, case.applied) == (2, ["second"], 3)
    assert case.look(prometheus) == []
    assert case.applied == 3
    assert case.figure("crossfade_guardrail_rollbacks_total") == 1
    assert case.figure('crossfade_guardrail_looks_total{result="looked"}') == 3
    assert case.figure("crossfade_guardrail_last_look_timestamp_seconds") == case.now.timestamp()
    lines = case.place.rollout.history(experiment("first")).lines()
    assert [line.action for line in lines] == ["begin", "begin", "roll back", "roll back"]


def test_an_experiment_that_cannot_be_looked_at_hinders_no_other(
    prometheus: Prometheus, tmp_path: Path
) -> None:
    case = Case(tmp_path, [{"name": "odd", "query": "sum(", "atMost": 1}], UP)
    case.applied = 1
    said = case.look(prometheus)
    assert said[0].startswith("first is not guarded: Prometheus refuses 'sum('")
    assert said[1].startswith("second was rolled back. ")
    assert case.look(prometheus) == []
    assert case.figure("crossfade_guardrail_last_look_timestamp_seconds") == 0
    path = case.place.rollout.directory / "experiments" / "first.yaml"
    path.write_text(path.read_text("utf-8").replace("sum(", "up - 1"), "utf-8")
    assert case.look(prometheus) == ["first is guarded again."]
    assert case.figure("crossfade_guardrail_last_look_timestamp_seconds") == case.now.timestamp()


def test_looks_are_as_far_apart_as_asked_and_end_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = [0.0], list[float]()
    monkeypatch.setattr("crossfade.experiments.watching.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(
        "crossfade.experiments.watching.time.sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    )

    def look() -> None:
        looks.append(clock[0])
        clock[0] += 150 if len(looks) == 2 else 5  # the second look takes longer than a minute

    keep_looking(look, 60, lambda: len(looks) == 4)
    assert looks == pytest.approx([0, 60, 210, 270])
