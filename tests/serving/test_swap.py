"""A new champion is taken up while requests go on; a damaged one is not; SIGTERM drains."""

import threading
from pathlib import Path

import httpx

from crossfade.schema.metrics import BATCH_REQUESTS
from serving.ports import free_port
from tests.serving import places
from tests.serving.asking import PREDICT, slate
from tests.serving.conftest import LOOPBACK, Served


def bundle(served: Served) -> dict[str, object]:
    found = served.recommender.get("/v1/bundle").json()
    assert isinstance(found, dict)
    return found


class Load(threading.Thread):
    """Asks again and again until stopped; keeps statuses, fallbacks and bundles."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.ended = url, threading.Event()
        self.statuses: list[int] = []
        self.seen: set[tuple[str, str | None]] = set()

    def run(self) -> None:
        request = {"instances": [{"user_id": "u02", "surface": "radio", "k": 5}]}
        with httpx.Client(base_url=self.url, trust_env=False, timeout=70) as client:
            while not self.ended.is_set():
                response = client.post(PREDICT, json=request)
                self.statuses.append(response.status_code)
                (found,) = response.json()["predictions"]
                self.seen.add((found["bundle"], found["fallback"]))

    def stop(self) -> None:
        self.ended.set()
        self.join()


def test_a_new_champion_answers_without_a_lost_request_and_a_damaged_one_never(served: Served) -> None:
    first = served.workspace.champion_digest()
    second = places.another_bundle(served.workspace, "second")
    loads = [Load(str(served.recommender.base_url)) for _ in range(2)]
    for load in loads:
        load.start()
    served.workspace.promote(second.name, reason="Better.", run_id="r2", evaluation={})
    places.wait_until(
        lambda: bundle(served) == {"bundle": second.name, "refused": None}, "the second answers"
    )
    places.wait_until(
        lambda: served.gateway.get("/readyz").json()["bundle"] == second.name, "the gateway follows"
    )
    third = places.another_bundle(served.workspace, "third")
    (third / "ranker" / "ranker.json").write_text("{}", "utf-8")
    served.workspace.promote(third.name, reason="Better yet.", run_id="r3", evaluation={})
    places.wait_until(lambda: bundle(served)["refused"] is not None, "the third is refused")
    refused = bundle(served)["refused"]
    assert isinstance(refused, dict)
    assert refused["bundle"] == third.name
    assert "ranker/ranker.json was changed" in refused["reason"]
    assert bundle(served)["bundle"] == second.name
    reload = served.recommender.post("/v2/repository/models/crossfade/load")
    assert reload.status_code == 503
    assert "The bundle is refused" in reload.json()["error"]
    for load in loads:
        load.stop()
    assert all(set(load.statuses) == {200} for load in loads)
    assert set.union(*(load.seen for load in loads)) <= {(first, None), (second.name, None)}
    assert any((second.name, None) in load.seen for load in loads)
    served.workspace.rollback_champion(reason="It is damaged.", run_id="operator")
    places.wait_until(lambda: bundle(served)["refused"] is None, "the champion is the one that answers")
    assert served.recommender.post("/v2/repository/models/crossfade/load").status_code == 200
    assert slate(served, surface="home")["bundle"] == second.name


def batches(url: str) -> float:
    """Return how many batches the worker of a recommender has begun."""
    name = f"{BATCH_REQUESTS.name}_count "
    text = httpx.get(f"{url}/metrics", trust_env=False, timeout=60).text
    return float(text.split(f"\n{name}")[1].split()[0])


def test_sigterm_answers_what_is_in_flight_and_ends_with_zero(served: Served, tmp_path: Path) -> None:
    ports = [free_port(LOOPBACK) for _ in range(2)]
    champion = served.workspace.champion()
    options = (
        "-m",
        "serving.recommender",
        "--bundle",
        str(champion),
        "--rest-port",
        str(ports[0]),
        "--rpc-port",
        str(ports[1]),
    )
    url = f"http://{LOOPBACK}:{ports[0]}"
    found: list[int] = []

    def ask() -> None:
        # A slow request: verified reasons for many.
        asked = [{"surface": "home", "user_id": f"u{i:02}", "explain": True} for i in range(40)]
        found.append(
            httpx.post(f"{url}{PREDICT}", json={"instances": asked}, timeout=60, trust_env=False).status_code
        )

    with places.running(*options, output=tmp_path / "log") as process:
        places.wait_until(lambda: places.answers(f"{url}/v2/models/crossfade/ready"), "it is ready")
        asking = threading.Thread(target=ask)
        asking.start()
        # The first 16 are taken together; all others wait for them when SIGTERM comes.
        places.wait_until(lambda: batches(url) > 0, "its first requests are at work")
        process.terminate()
        asking.join()
        assert process.wait(30) == 0, (tmp_path / "log").read_text("utf-8")
    assert found == [200]
    assert "Traceback" not in (tmp_path / "log").read_text("utf-8")
