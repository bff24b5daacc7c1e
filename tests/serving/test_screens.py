"""Home over the gateway: shown, opened, learnt by the command, and shown in another order without a restart."""

import asyncio
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from crossfade.cli.main import main
from crossfade.experiments.home import arms_as_json, load_home
from crossfade.recommender.workspace import Workspace
from serving.gateway.exposures import Exposures, FileSink
from serving.gateway.online import NOBODY
from serving.gateway.screens import Screens
from tests.serving.gateways import Gateway, chosen, in_loop

MUSIC_AT_NOON = {"plays": {"music": 500}, "time": "2026-11-27T12:00:00"}


async def screen(gateway: Gateway, **request: object) -> dict[str, object]:
    response = await gateway.client.post("/v1/home", json=request)
    assert response.status_code == 200, response.text
    found = response.json()
    assert isinstance(found, dict)
    return found


def modules(found: dict[str, object]) -> list[str]:
    shown = found["modules"]
    assert isinstance(shown, list)
    return [each["module"] for each in shown]


def test_what_is_opened_is_learnt_and_comes_first(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = workspace.home_log.read_text("utf-8").count("\n") if workspace.home_log.exists() else 0

    async def test(gateway: Gateway) -> None:
        for number in range(120):
            found = await screen(gateway, user_id="u02", request_id=f"r{number}", **MUSIC_AT_NOON)
            opened = await gateway.client.post(
                f"/v1/home/{found['slate_id']}/opened", json={"module": "radio"}
            )
            assert (opened.status_code, opened.json()) == (202, {"noted": True})
        gateway.parts.screens.log.close()
        lines = [json.loads(line) for line in workspace.home_log.read_text("utf-8").splitlines()[earlier:]]
        assert Counter(line["event"] for line in lines) == {"shown": 120 * len(modules(found)), "opened": 120}
        assert "u02" not in workspace.home_log.read_text("utf-8")
        assert main(["home", "learn", "--workspace", str(workspace.path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["shown"] == 120
        gateway.parts.screens.look()
        firsts = Counter(
            [modules(await screen(gateway, request_id=f"k{i}", **MUSIC_AT_NOON))[0] for i in range(40)]
        )
        assert firsts["radio"] > 30

    in_loop(workspace, test)


def test_a_repeated_request_gets_the_same_screen_and_the_mix_is_the_listener_s(workspace: Workspace) -> None:
    async def test(gateway: Gateway) -> None:
        first = await screen(gateway, request_id="once", user_id="u04", time="2026-11-27T08:00:00")
        assert await screen(gateway, request_id="once", user_id="u04", time="2026-11-27T08:00:00") == first
        found = await screen(gateway, plays={"podcast": 1000})
        shown = found["modules"]
        assert isinstance(shown, list)
        assert [each["content_type"] for each in shown[:2]] == ["podcast", "podcast"]
        assert all(0 < each["propensity"] <= 1 for each in shown)
        assert [each["position"] for each in shown] == list(range(len(shown)))

    in_loop(workspace, test)


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/v1/home", b"{", "The body is not JSON"),
        ("/v1/home", b"[]", "needs an object such as {}, got list"),
        ("/v1/home", b'{"plays": {"film": 1}}', "plays.film='film'"),
        ("/v1/home", b'{"plays": {"music": -1}}', "plays.music=-1"),
        ("/v1/home", b'{"time": "noonish"}', "time='noonish'"),
        ("/v1/home", b'{"surface": "home"}', "surface='home'"),
        ("/v1/home/s/opened", b'{"module": "cinema"}', "module='cinema' is not one of Home's; known: "),
        ("/v1/home/s/opened", b'{"module": ["radio"]}', "module=['radio'] is not one of Home's"),
        ("/v1/home/s/opened", b'{"module": {}}', "module={} is not one of Home's"),
        ("/v1/home/s/opened", b"7", "module=None is not one of Home's"),
    ],
)
def test_wrong_requests_are_a_400(workspace: Workspace, path: str, body: bytes, sentence: str) -> None:
    async def test(gateway: Gateway) -> None:
        response = await gateway.client.post(path, content=body)
        assert response.status_code == 400
        assert sentence in response.json()["error"]

    in_loop(workspace, test)


def test_learnt_arms_that_make_no_sense_leave_the_order_as_it_is(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(gateway: Gateway) -> None:
        workspace.home_arms.write_text('{"arms": 7}', "utf-8")
        os.utime(workspace.home_arms, ns=(1, 1))
        await asyncio.sleep(0.15)
        gateway.parts.screens.look()
        assert "Home's modules keep their order" in caplog.text
        assert modules(await screen(gateway))
        workspace.home_arms.unlink()

    in_loop(workspace, test, settings=chosen("watch_seconds=0.05"))


def test_learnt_arms_of_a_disk_that_was_away_for_a_moment_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, learnt = load_home(None), tmp_path / "arms.json"
    log = Exposures(FileSink(tmp_path / "log.jsonl", NOBODY), 8, NOBODY)
    screens = Screens(home, learnt, log)
    learnt.write_text(json.dumps(arms_as_json(home.unknown, 7)), "utf-8")
    read: list[object] = []

    def away(_: Path) -> bytes:
        raise OSError("Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", away)
        screens.look()
    monkeypatch.setattr(
        "serving.gateway.screens.arms_of", lambda values, _: read.append(values) or home.unknown
    )
    screens.look()
    screens.look()
    assert read == [arms_as_json(home.unknown, 7)]
    log.close()
