"""Steps of a rollout: what each decision writes, and that a step which is killed anywhere is finished by the next one."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossfade.experiments import stepping
from crossfade.experiments.deciding import by_hand
from crossfade.experiments.decision import Action
from crossfade.experiments.history import History, Standing
from crossfade.experiments.installation import Installation
from crossfade.experiments.rendering import merged
from crossfade.experiments.spec import Experiment
from crossfade.experiments.stepping import Rollout
from crossfade.schema.errors import CrossfadeError, InputError, IntegrityError, NotFoundError
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.weekly import store_of
from serving.gateway.variants import served_experiments
from tests.experiments.rollouts import (
    HOLD,
    NOW,
    OTHER,
    Place,
    experiment,
    saying,
)
from tests.experiments.test_spec import BUNDLE
from tests.store import slates

pytestmark = pytest.mark.usefixtures("registry")


LIVES = {
    "promoted": [HOLD, saying(Action.RAMP), HOLD, saying(Action.PROMOTE, "flow")],
    "rolled back": [HOLD, saying(Action.ROLL_BACK)],
}
SERVICE = "inferenceservices/radio-flow-flow.yaml"
MANIFEST = "experiments/radio-flow.yaml"
LOG = "history/radio-flow.jsonl"


def test_an_experiment_begins_ramps_and_is_promoted(place: Place, registry: dict[str, str]) -> None:
    begun = place.step()
    assert (begun.action, begun.step) == ("begin", 1)
    assert place.files().keys() == {SERVICE, MANIFEST, LOG}
    running = Experiment.model_validate(place.object(MANIFEST))
    assert running.status.step == 1
    assert running.spec.variants[1].service == "grpc://radio-flow-flow-predictor:8082"
    (container,) = place.object(SERVICE)["spec"]["predictor"]["containers"]
    assert container["args"][:2] == ["--bundle", f"/mnt/crossfade/workspace/bundles/{OTHER}"]

    asked: list[Standing] = []
    place.step(lambda standing: asked.append(standing) or saying(Action.RAMP)(standing))
    assert (asked[0].step, asked[0].began, asked[0].step_began) == (
        1,
        NOW + timedelta(days=1),
        NOW + timedelta(days=1),
    )
    (served,) = served_experiments(place.rollout.directory / "experiments")  # what the gateway does with it
    assert served.shares == {"flow": 0.5}
    place.step(lambda standing: asked.append(standing) or saying(Action.HOLD)(standing))
    assert (asked[1].step, asked[1].began, asked[1].step_began) == (
        2,
        NOW + timedelta(days=1),
        NOW + timedelta(days=2),
    )

    place.step(saying(Action.PROMOTE, "flow"))
    assert place.files().keys() == {"champion.yaml", LOG}
    assert place.object("champion.yaml")["data"] == {"bundle": OTHER}
    assert (place.workspace.champion_digest(), registry) == (OTHER, {"champion": OTHER})
    assert place.workspace.promotions.lines()[-1].evaluation == {"plays of flow": [0.1, 0.05, 0.15]}
    before = place.files()
    ended = place.step(saying(Action.ROLL_BACK))
    assert ended.action == "promote"
    assert place.files() == before


def test_a_step_that_is_killed_anywhere_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill before each write of whole lives; the next step must end in the bytes of a life without kills."""
    writes = {
        (stepping, "replace_file"): stepping.replace_file,
        (History, "append"): History.append,
        (Rollout, "_remove"): Rollout._remove,
        (Installation, "promote"): Installation.promote,
        (Installation, "take_back"): Installation.take_back,
    }
    left = 1 << 30

    def killing(write: Any) -> Any:
        def called(*given: Any) -> None:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            write(*given)

        return called

    for (owner, name), write in writes.items():
        monkeypatch.setattr(owner, name, killing(write))
    kills = 0
    for life, decides in LIVES.items():
        whole = Place(tmp_path / life)
        for number, decide in enumerate(decides):
            before = tmp_path / f"{life}-{number}"
            shutil.copytree(whole.home, before)
            left, now = 1 << 30, whole.now
            whole.step(decide)
            for point in range((1 << 30) - left):
                place = Place(tmp_path / f"{life}-{number}-{point}", now)
                shutil.copytree(before, place.home, dirs_exist_ok=True)
                left = point
                with pytest.raises(KeyboardInterrupt):
                    place.step(decide)
                left = 1 << 30
                place.now = now  # at the same moment, so that all bytes can be equal
                place.step(decide)
                assert place.files() == whole.files(), (life, number, point)
                assert place.workspace.champion_digest() == whole.workspace.champion_digest()
                kills += 1
    assert kills > 20


def test_what_people_added_to_a_service_stays(place: Place) -> None:
    place.step()
    told = place.object(SERVICE)
    told["spec"]["predictor"] |= {"minReplicas": 9, "maxReplicas": 12}
    told["spec"]["predictor"]["containers"][0] |= {"resources": {"requests": {"cpu": "4"}}, "image": "old:1"}
    told["spec"]["predictor"]["containers"].append({"name": "sidecar", "image": "logs:1"})
    (place.rollout.directory / SERVICE).write_text(yaml.safe_dump(told), "utf-8")
    place.step()
    predictor = place.object(SERVICE)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 12)
    ours, theirs = predictor["containers"]
    assert (ours["image"], ours["resources"], theirs["name"]) == (
        place.settings.rollout.image, {"requests": {"cpu": "4"}}, "sidecar",
    )  # fmt: skip
    assert merged([{"name": "a", "b": 1}], [{"name": "c"}]) == [{"name": "a", "b": 1}, {"name": "c"}]


def test_a_torn_line_was_never_written_and_a_damaged_one_is_told(place: Place) -> None:
    place.step()
    path = place.rollout.history(experiment()).path
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"time": "2026')
    place.step()
    assert path.read_bytes().startswith(whole)
    assert len(place.rollout.history(experiment()).lines()) == 4
    path.write_bytes(whole.replace(b'"begun"', b'"gone"'))
    with pytest.raises(
        IntegrityError, match=r"radio-flow\.jsonl, line 1 is damaged \('gone' is not a valid Phase\)"
    ):
        place.step()


def test_what_users_rest_on_must_not_change_under_way(place: Place) -> None:
    place.step()
    longer = experiment(stop={"maximumDuration": "P60D"})
    assert place.step(found=longer).action == "hold"
    with pytest.raises(
        InputError, match="radio-flow: salt was 'radio-flow' when it began and is 'new' by now"
    ):
        place.step(found=experiment(salt="new"))


def test_experiments_that_would_share_users_do_not_begin(place: Place) -> None:
    place.step(found=experiment("first", layer="audio"))
    with pytest.raises(
        InputError, match=r"second cannot begin: .*first\.yaml runs with the same surface 'radio'"
    ):
        place.step(found=experiment("second"))
    with pytest.raises(InputError, match="with the same layer 'audio'; one at a time"):
        place.step(found=experiment("second", surface="home", layer="audio"))
    place.step(found=experiment("second", surface="home"))


def test_variants_that_cannot_be_served_do_not_begin(place: Place) -> None:
    variants = [{"name": "control", "bundle": BUNDLE}, {"name": "flow", "bundle": "0" * 12}]
    with pytest.raises(NotFoundError, match="Bundle '000000000000' is not in"):
        place.step(found=experiment(variants=variants))
    assert place.files() == {}


def test_a_champion_that_changed_meanwhile_stays(place: Place) -> None:
    place.step()
    (place.workspace.bundles / "third").mkdir()
    place.workspace.promote("third", reason="Better.", run_id="r2", evaluation={})
    with pytest.raises(CrossfadeError, match="but the champion is third by now and stays"):
        place.step(saying(Action.PROMOTE, "flow"))
    assert place.workspace.champion_digest() == "third"


def test_the_log_is_told_of_in_the_first_line_or_keeps_an_experiment_out(place: Place) -> None:
    def worse() -> list[str]:
        raise InputError("The log shows that 'flow' is worse.")

    with pytest.raises(InputError, match="The log shows that 'flow' is worse"):
        place.rollout.step(experiment(), HOLD, place.now, foresee=worse)
    assert place.files() == {}
    line = place.rollout.step(experiment(), HOLD, place.now, foresee=lambda: ["It earns +0.1."])
    assert line is not None
    assert line.reasons == ["The experiment begins with step 1 of 2.", "It earns +0.1."]
    again = place.rollout.step(experiment(), HOLD, place.now, foresee=worse)  # asked before it begins alone
    assert again is not None
    assert again.action == "hold"


def test_alarms_begin_nothing(place: Place) -> None:
    assert place.rollout.step(experiment(), by_hand("Stop."), NOW, may_begin=False) is None
    assert place.files() == {}


@pytest.mark.parametrize("earlier", [True, False])
def test_a_stored_surface_goes_back_to_the_generation_before_the_treatments(
    place: Place, earlier: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(place.workspace)
    assert isinstance(store, EmbeddedStore)
    real = slates.generation
    bundles = {"g1": BUNDLE if earlier else OTHER, "g2": OTHER, "g3": OTHER}

    def of_bundle(name: str, *given: int) -> Any:
        return replace(real(name, *given), bundle=bundles[name])

    monkeypatch.setattr(slates, "generation", of_bundle)
    for name in bundles:
        slates.publish(store, name)
    weekly = experiment("weekly", surface="discover_weekly")
    place.step(found=weekly)
    place.step(by_hand("Too many complaints."), weekly)
    assert store.live("discover_weekly") == "g1"
    assert ("discover_weekly keeps its generation" in caplog.text) is not earlier
    lines = [
        json.loads(line)
        for line in (place.rollout.directory / "history/weekly.jsonl").read_text().splitlines()
    ]
    assert [(line["phase"], line["action"]) for line in lines[2:]] == [
        ("begun", "roll back"),
        ("done", "roll back"),
    ]
    assert lines[2]["reasons"] == ["Too many complaints."]
