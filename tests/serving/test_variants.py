"""Users get their variant's own service, whatever happens to the others; what makes no sense is refused."""

import json
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from crossfade.experiments.assignment import Allocation
from crossfade.experiments.spec import Experiment
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import InputError
from crossfade.schema.metrics import FALLBACKS
from crossfade.schema.tables import Surface
from crossfade.store.contract import SLATES, Generation, variant_surface
from crossfade.store.embedded import EmbeddedStore
from serving.gateway.variants import Variants, served_experiments
from tests.serving.gateways import NOWHERE, Gateway, chosen, in_loop, service

SALT = "loud"
WEEKLY = "discover_weekly"
ALLOCATION = Allocation(SALT, {"b": 0.5})
TREATED = [user for user in map(str, range(40)) if ALLOCATION.variant(user) == "b"]
OTHERS = [user for user in map(str, range(40)) if ALLOCATION.variant(user) == "control"]


def answering(name: str) -> Any:
    track = {"track_id": f"of {name}", "propensity": 1.0}
    slate = {"surface": "radio", "slate_id": f"s-{name}", "fallback": None, "tracks": [track]}
    slate["bundle"] = name[0] * 16
    body = json.dumps({"predictions": [slate]}).encode()
    return lambda: (200, body)


def experiment(service: str, surface: str = "radio", **spec: object) -> Experiment:
    variants = [
        {"name": "control", "bundle": "c" * 16},
        {"name": "b", "bundle": "b" * 16, "service": service},
    ]
    about: dict[str, object] = {"owner": "me", "surface": surface, "salt": SALT, "variants": variants}
    about |= {"ramp": [{"shares": {"b": 0.5 * 0.5**step}, "minimumDuration": "P1D"} for step in (4, 0)]}
    about |= {"primary": {"name": "plays", "minimumEffect": 0.01}, **spec}
    return Experiment.model_validate(
        {
            "apiVersion": "crossfade.dev/v1alpha1",
            "kind": "Experiment",
            "metadata": {"name": "louder"},
            "spec": about,
            "status": {"step": 2},
        }
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
        settings = chosen("budget_ms=1500", "hedge_ms=60000")
        in_loop(workspace, test, url=control, experiments=[experiment(treatment)], settings=settings)


def test_a_treated_user_gets_the_variant_s_own_playlist_and_else_its_service(workspace: Workspace) -> None:
    user, other = TREATED[0], OTHERS[0]
    store = EmbeddedStore(workspace.path / "variants")
    for surface, track in ((WEEKLY, "everybody's"), (variant_surface(WEEKLY, "louder.b"), "the variant's")):
        generation = Generation(surface, "g1", "b" * 16, 0, {}, 1, 3, ("popular",), ("none",))
        row = {"track_ids": [track], "scores": [1.0], "propensities": [1.0]}
        row |= {"sources": ["popular"], "reason_kinds": ["none"], "reasons": [""]}
        for_whom = [user, other] + ([TREATED[1]] if track == "everybody's" else [])
        with store.begin(generation) as writer:
            writer.put_many(
                pa.Table.from_pylist([{"user_id": each, **row} for each in for_whom], schema=SLATES)
            )
        store.activate(surface, "g1")

    async def test(gateway: Gateway) -> None:
        async def playlist(user: str) -> tuple[str, str | None, str | None]:
            found = (await gateway.client.get(f"/v1/users/{user}/playlists/discover-weekly")).json()
            return found["tracks"][0]["track_id"], found.get("variant"), found["fallback"]

        assert await playlist(user) == ("the variant's", "b", None)
        assert await playlist(other) == ("everybody's", "control", None)
        # The variant has none of this user's: its service answers, as it would with the whole generation away.
        assert await playlist(TREATED[1]) == ("of b", "b", None)
        gateway.parts.exposures.close()
        events = [json.loads(line) for line in gateway.shown.read_text("utf-8").splitlines()[-3:]]
        assert [
            (each["user_id"], each["experiment"], each["variant"], each["origin"]) for each in events
        ] == [
            (user, "louder", "b", "g1"),
            (other, "louder", "control", "g1"),
            (TREATED[1], "louder", "b", "b" * 16),
        ]

    with service(answering("b")) as treatment:
        running = [experiment(treatment, surface=WEEKLY)]
        in_loop(workspace, test, store=store, experiments=running)

    async def without_services(gateway: Gateway) -> None:
        for who, track in ((user, "the variant's"), (TREATED[1], "everybody's"), (other, "everybody's")):
            found = await gateway.recommend(user_id=who, surface="home")
            assert (found["tracks"][0]["track_id"], found["fallback"]) == (track, "stored")

    in_loop(workspace, without_services, store=store, experiments=[experiment(NOWHERE, surface=WEEKLY)])


def test_who_is_held_out_or_of_another_country_takes_no_part(workspace: Workspace) -> None:
    swedish = experiment(NOWHERE, eligibility={"countries": ["SE"]})
    variants = Variants(NOWHERE, [swedish], chosen())
    told = [variants.of(Surface.RADIO, TREATED[0], country).variant for country in ("SE", "NO", None)]
    assert told == ["b", None, None]


def test_a_treatment_without_a_service_cannot_be_served(tmp_path: Path) -> None:
    path = tmp_path / "experiment.yaml"
    told = experiment(NOWHERE).model_dump(mode="json", by_alias=True)
    path.write_text(yaml.safe_dump(told), "utf-8")
    assert served_experiments(path) == [experiment(NOWHERE)]
    told["spec"]["variants"][1].pop("service")
    path.write_text(yaml.safe_dump(told), "utf-8")
    with pytest.raises(InputError, match=r"variant 'b' of experiment 'louder' needs a service"):
        served_experiments(path)


def test_an_address_that_is_not_grpc_s_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"'http://a:1' is no address of a recommender; it must be grpc://HOST:PORT"
    ):
        Variants("http://a:1", [], chosen())
