"""Users get their variant's own service, whatever happens to the others; what makes no sense is refused."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from crossfade.experiments.assignment import Allocation
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import InputError, NotFoundError
from crossfade.schema.metrics import FALLBACKS
from serving.gateway.variants import Experiment, read_experiments
from tests.serving.gateways import NOWHERE, Gateway, chosen, in_loop, service

SALT = "loud"
ALLOCATION = Allocation(SALT, {"b": 0.5})
TREATED = [user for user in map(str, range(40)) if ALLOCATION.variant(user) == "b"]
OTHERS = [user for user in map(str, range(40)) if ALLOCATION.variant(user) == "control"]


def answering(name: str) -> Any:
    track = {"track_id": f"of {name}", "propensity": 1.0}
    slate = {"surface": "radio", "slate_id": f"s-{name}", "fallback": None, "tracks": [track]}
    body = json.dumps({"predictions": [slate]}).encode()
    return lambda: (200, body)


def experiment(url: str) -> Experiment:
    treatments = {"b": {"share": 0.5, "url": url}}
    return Experiment.model_validate(
        {"experiment": "louder", "surface": "radio", "salt": SALT, "treatments": treatments}
    )


async def shown_to(gateway: Gateway, user: str, surface: str = "radio") -> tuple[str, str | None, str | None]:
    found = await gateway.recommend(user_id=user, surface=surface)
    return found["tracks"][0]["track_id"], found.get("variant"), found["fallback"]


def test_each_user_gets_the_service_of_its_variant_and_the_exposure_says_so(workspace: Workspace) -> None:
    async def test(gateway: Gateway) -> None:
        for user in TREATED[:3]:
            assert await shown_to(gateway, user) == ("of b", "b", None)
            # Another surface is in no experiment.
            assert await shown_to(gateway, user, "home") == ("of control", None, None)
        for user in OTHERS[:3]:
            assert await shown_to(gateway, user) == ("of control", "control", None)
        nobody = await gateway.recommend(surface="radio")
        assert (nobody["tracks"][0]["track_id"], "variant" in nobody) == ("of control", False)
        gateway.parts.exposures.close()
        events = [json.loads(line) for line in gateway.shown.read_text("utf-8").splitlines()]
        told = {(event["track_id"], event.get("experiment"), event.get("variant")) for event in events[-9:]}
        assert {
            ("of b", "louder", "b"),
            ("of control", "louder", "control"),
            ("of control", None, None),
        } == told

    with service(answering("control")) as control, service(answering("b")) as treatment:
        in_loop(workspace, test, url=control, experiments=[experiment(treatment)])


def test_a_variant_whose_service_is_down_falls_back_to_control_and_costs_control_nothing(
    workspace: Workspace,
) -> None:
    async def test(gateway: Gateway) -> None:
        for user in TREATED[:5]:
            assert await shown_to(gateway, user) == ("of control", "b", "control")
        assert await shown_to(gateway, OTHERS[0]) == ("of control", "control", None)
        assert gateway.parts.variants.well == {"recommender": True, "louder/b": False}
        assert f'{FALLBACKS.name}{{answer="control"}} 5.0' in gateway.exposition.text().decode()

    with service(answering("control")) as control:
        in_loop(workspace, test, url=control, experiments=[experiment(NOWHERE)])


@pytest.mark.parametrize("answer", [(200, b"<html>"), (500, b"{}"), (200, b'{"predictions": [7]}')])
def test_garbage_of_a_variant_is_its_own_trouble(workspace: Workspace, answer: tuple[int, bytes]) -> None:
    async def test(gateway: Gateway) -> None:
        assert await shown_to(gateway, TREATED[0]) == ("of control", "b", "control")
        assert await shown_to(gateway, OTHERS[0]) == ("of control", "control", None)

    with service(answering("control")) as control, service(lambda: answer) as treatment:
        in_loop(workspace, test, url=control, experiments=[experiment(treatment)])


def test_a_slow_variant_costs_its_users_the_budget_at_most(workspace: Workspace) -> None:
    released = threading.Event()

    def slowly() -> tuple[int, bytes]:
        released.wait(5)
        return 200, b"{}"

    async def test(gateway: Gateway) -> None:
        # Nothing of the budget is left for control.
        found = await gateway.recommend(user_id=TREATED[0], surface="radio")
        assert (found["fallback"], found["variant"]) == ("popular", "b")
        assert await shown_to(gateway, OTHERS[0]) == ("of control", "control", None)
        released.set()

    with service(answering("control")) as control, service(slowly) as treatment:
        settings = chosen("budget_ms=80", "hedge_ms=400")
        in_loop(workspace, test, url=control, experiments=[experiment(treatment)], settings=settings)


GOOD = """
- experiment: louder
  surface: radio
  salt: loud
  treatments:
    b: {share: 0.1, url: "http://127.0.0.1:9"}
"""


def test_a_file_of_experiments_is_read(tmp_path: Path) -> None:
    path = tmp_path / "experiments.yaml"
    path.write_text(GOOD, "utf-8")
    (found,) = read_experiments(path)
    assert (found.experiment, found.surface, found.treatments["b"].share) == ("louder", "radio", 0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not YAML"),
        ("a: 1", "needs a list of experiments, got dict"),
        (GOOD.replace("radio", "jukebox"), "experiment 1: surface='jukebox'"),
        (GOOD.replace("0.1", "2"), r"experiment 1: treatments\.b\.share=2"),
        (GOOD.replace("0.1", "0.00001"), "experiment 1: Treatment 'b': share=1e-05 must be a multiple"),
        (GOOD.replace("http:", "ftp:"), r"treatments\.b\.url='ftp://127.0.0.1:9'"),
        (GOOD.replace("    b:", "    control:"), "cannot be called 'control'"),
        (GOOD + GOOD, "surface=radio has several experiments"),
    ],
)
def test_wrong_experiments_name_place_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "experiments.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=message):
        read_experiments(path)


def test_a_missing_file_of_experiments_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no\.yaml does not exist"):
        read_experiments(tmp_path / "no.yaml")
