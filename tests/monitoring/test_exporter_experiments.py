"""What rollouts wrote of their experiments is shown, for both outcomes, until a week after their end."""

import math
from datetime import timedelta
from pathlib import Path

import pytest

from crossfade.experiments.deciding import by_hand
from crossfade.experiments.decision import Observations, decide, effect, sample_ratio_p_value
from crossfade.experiments.status import status
from crossfade.experiments.stepping import Decide
from crossfade.recommender.workspace import Workspace
from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import STATE_METRICS
from monitoring.exporter.experiments import SHOWN, record_experiments
from monitoring.exporter.state import State
from tests.experiments.rollouts import NOW, Place, experiment
from tests.experiments.test_decision import USERS, seen

EXPERIMENT = experiment()
NAME = 'experiment="radio-flow"'
GUARDRAIL = f'crossfade_experiment_guardrail_threshold_ratio{{{NAME},guardrail="skip_rate",variant="flow"}}'
SAMPLE_RATIO = f"crossfade_experiment_sample_ratio_threshold_ratio{{{NAME}}}"
BEGAN = f"crossfade_experiment_began_timestamp_seconds{{{NAME}}}"
LOOKED = f"crossfade_experiment_looked_timestamp_seconds{{{NAME}}}"
ENDED = f'crossfade_experiment_ended_timestamp_seconds{{action="roll back",{NAME}}}'


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A rollout whose experiment began on NOW's next day."""
    found = Place(tmp_path)
    found.step(found=EXPERIMENT)
    return found


def by(observed: Observations) -> Decide:
    return lambda _: (decide(EXPERIMENT.spec, observed), status(EXPERIMENT, observed, 0))


def shown(place: Place) -> dict[str, float]:
    exposition = Exposition(STATE_METRICS)
    record_experiments(place.rollout.directory, exposition, place.now)
    lines = exposition.text().decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines)
        if name.startswith("crossfade_experiment")
    }


def seconds(days: int) -> float:
    return (NOW + timedelta(days=days)).timestamp()


def test_what_was_only_begun_has_no_figures(place: Place) -> None:
    assert shown(place) == {BEGAN: seconds(1), LOOKED: seconds(1)}


def test_a_sound_look_shows_how_far_from_harm_it_is(place: Place) -> None:
    place.step(by(seen(10.0)), EXPERIMENT)
    found = shown(place)
    users = f'crossfade_experiment_users{{{NAME},variant="control"}}'
    assert (found[users], found[GUARDRAIL], found[SAMPLE_RATIO]) == (USERS, 0, 0)
    assert (found[BEGAN], found[LOOKED]) == (seconds(1), seconds(2))
    assert ENDED not in found


def test_a_harmed_guardrail_is_above_one_and_the_experiment_has_ended(place: Place) -> None:
    observed = seen(10.0, 10.6)
    place.step(by(observed), EXPERIMENT)
    found = shown(place)
    low = effect(EXPERIMENT.spec, observed, EXPERIMENT.spec.guardrails[0], "flow").low
    assert found[GUARDRAIL] == pytest.approx(low / 0.02)  # surely lost, over the margin
    assert found[GUARDRAIL] > 1
    assert found[ENDED] == seconds(2)


def test_missing_users_are_above_one(place: Place) -> None:
    observed = seen(10.0, users={"control": USERS, "flow": 98_000})
    place.step(by(observed), EXPERIMENT)
    chance = sample_ratio_p_value(EXPERIMENT.spec, observed)
    found = shown(place)
    assert found[SAMPLE_RATIO] == pytest.approx(math.log(chance) / math.log(0.001))
    assert found[SAMPLE_RATIO] > 1
    place.step(by(seen(10.0, users={"control": USERS, "flow": 1})), EXPERIMENT)
    assert math.isfinite(shown(place)[SAMPLE_RATIO])  # where the p-value is 0


def test_what_a_person_rolled_back_keeps_the_figures_of_the_look_before(place: Place) -> None:
    place.step(by(seen(10.0, users={"control": USERS, "flow": 98_000})), EXPERIMENT)
    place.step(by_hand("It annoys people."), EXPERIMENT)
    found = shown(place)
    assert (found[LOOKED], found[ENDED]) == (seconds(2), seconds(3))
    assert found[SAMPLE_RATIO] > 1


def test_what_ended_long_ago_is_gone(place: Place) -> None:
    place.step(by_hand("It annoys people."), EXPERIMENT)
    place.now += SHOWN
    assert ENDED in shown(place)
    place.now += timedelta(seconds=1)
    assert shown(place) == {}


def test_a_damaged_history_is_told(place: Place) -> None:
    (place.rollout.directory / "history" / "radio-flow.jsonl").write_text("{}\n", "utf-8")
    state = State(Workspace.open(place.workspace.path), rollout=place.rollout.directory)
    assert 'unreadable_parts{part="experiments"} 1.0' in state.exposition().text().decode()
