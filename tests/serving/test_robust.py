"""The gateway under load at its end, and clocks that jump."""

import asyncio
import threading
import time
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import SERVING_METRICS
from serving.asgi import Guard, Message, Receive, Scope, Send
from serving.gateway.breaker import FAILURES_TO_OPEN, Breaker
from serving.gateway.rate import Rates
from serving.ports import free_port
from tests.serving import places
from tests.serving.conftest import LOOPBACK, Served
from tests.serving.gateways import NOWHERE, chosen


def test_a_gateway_under_load_ends_in_order_when_it_is_told_to(served: Served, tmp_path: Path) -> None:
    port = free_port(LOOPBACK)
    url = f"http://{LOOPBACK}:{port}"
    shown = tmp_path / "shown.jsonl"
    options = ("--workspace", str(served.workspace.path), "--recommender", NOWHERE, "--port", str(port))
    limits = ("--set", "serving.requests_per_second=1e9", "--set", "serving.burst_requests=1000000")
    answered: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
            while True:
                try:
                    response = client.post(
                        "/v1/recommend", json={"surface": "radio", "user_id": places.STORED_USER}
                    )
                except httpx.TransportError:
                    return  # it does not listen any more
                answered.append(response.status_code)

    command = ("-m", "serving.gateway", *options, *limits, "--exposures", str(shown))
    with places.running(*command, output=tmp_path / "log") as process:
        places.wait_until(lambda: places.answers(f"{url}/readyz"), "it is ready")
        asking = [threading.Thread(target=ask) for _ in range(4)]
        for each in asking:
            each.start()
        places.wait_until(lambda: len(answered) > 50, "it is under load")
        process.terminate()
        for each in asking:
            each.join(30)
        assert process.wait(30) == 0, (tmp_path / "log").read_text("utf-8")
    assert set(answered) == {200}
    # Every slate that was answered is in the log, the last ones, too.
    num_slates = shown.read_text("utf-8").count('"position":0,')
    assert num_slates >= len(answered)
    assert "Traceback" not in (tmp_path / "log").read_text("utf-8")


def test_a_client_that_leaves_is_counted_and_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    exposition = Exposition(SERVING_METRICS)

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    async def left() -> Message:
        return {"type": "http.disconnect"}

    async def unheard(_: Message) -> None:
        raise AssertionError("nobody listens")

    guard = Guard(reading, max_body_kib=1, recorder=exposition, route_of=lambda _: "recommend")
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"9")]}
    asyncio.run(guard(scope, left, unheard))
    assert 'crossfade_http_requests_total{route="recommend",status="499"} 1.0' in exposition.text().decode()
    assert not caplog.records


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_clock_that_jumps_opens_and_shuts_nothing(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    breaker, rates = Breaker(60_000), Rates(chosen("burst_requests=2", "requests_per_second=0.001"))
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.may_try()
        breaker.note(succeeded=False)
    assert rates.allows("here")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + jump)
    assert not breaker.may_try()
    assert (rates.allows("here"), rates.allows("here")) == (True, False)
