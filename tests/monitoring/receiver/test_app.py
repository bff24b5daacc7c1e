"""The receiver over HTTP: who may speak, what is refused and counted, and its command line."""

import asyncio
import hmac
import sqlite3
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from crossfade.schema.exposition import Exposition
from crossfade.schema.metrics import RECEIVER_METRICS
from crossfade.schema.settings import default_settings
from monitoring.receiver.__main__ import command_of, main, parser, settings_of
from monitoring.receiver.app import app_of
from monitoring.receiver.ledger import DATABASE, Ledger
from monitoring.receiver.worker import Worker
from tests.monitoring.receiver.alerts import alert, webhook

TOKEN = "a-token-of-twenty-one"
BEARING = {"authorization": f"Bearer {TOKEN}"}
SETTINGS = default_settings().receiver.model_copy(update={"max_body_kib": 4, "dry_run": True})


class Client:
    """Asks an application without a server; its worker is not started."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return asyncio.run(self._asked("POST", "/v1/alerts", content=body, headers=headers))

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._asked("GET", path))

    async def _asked(self, method: str, path: str, **what: object) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
            return await client.request(method, path, **what)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    ledger, exposition = Ledger(tmp_path, SETTINGS), Exposition(RECEIVER_METRICS)
    worker = Worker(ledger, lambda _: [], SETTINGS, exposition)
    return Client(app_of(ledger, worker, exposition, SETTINGS, token=TOKEN, drift=tmp_path / "drift.json"))


def test_alerts_are_decided_one_by_one_and_counted(client: Client) -> None:
    answer = client.post(webhook(alert("f0"), alert("f1", status="resolved")), BEARING)
    assert (answer.status_code, answer.json()) == (200, {"decisions": ["dry_run", "resolved"]})
    metrics = client.get("/metrics").text
    assert 'crossfade_retraining_alerts_total{decision="dry_run"} 1.0' in metrics
    assert (
        'crossfade_retraining_alerts_total{decision="start"} 0.0' in metrics
    )  # shown before it ever happened
    assert client.get("/healthz").json() == {"status": "alive"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "told"),
    [
        (webhook(), {}, 401, "Give the receiver's token as: Authorization: Bearer TOKEN."),
        (webhook(), {"authorization": "Bearer other"}, 401, "Give the receiver's token"),
        (webhook(), {"authorization": TOKEN}, 401, "Give the receiver's token"),
        (
            webhook(alert(annotations={"a": "x" * 5000})),
            BEARING,
            413,
            "larger than 4 KiB (receiver.max_body_kib)",
        ),
        (b"[]", BEARING, 400, "Not a webhook of Alertmanager, version 4"),
    ],
)
def test_what_is_refused_says_why(
    client: Client, body: bytes, headers: dict[str, str], status: int, told: str
) -> None:
    answer = client.post(body, headers)
    assert answer.status_code == status
    assert told in answer.json()["error"]
    assert (
        f'crossfade_retraining_refused_requests_total{{status="{status}"}} 1.0' in client.get("/metrics").text
    )


def test_tokens_are_compared_in_constant_time(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def spied(borne: bytes, token: bytes) -> bool:
        compared.append((borne, token))
        return real(borne, token)

    monkeypatch.setattr(hmac, "compare_digest", spied)
    for headers in ({}, {"authorization": f"Bearer {TOKEN[:-1]}"}, BEARING):
        client.post(webhook(), headers)
    assert compared == [(borne, TOKEN.encode()) for borne in (b"", TOKEN[:-1].encode(), TOKEN.encode())]


def test_a_dry_run_is_an_option(tmp_path: Path) -> None:
    assert not settings_of(parser().parse_args(options(tmp_path))).dry_run
    assert settings_of(parser().parse_args(options(tmp_path, "--dry-run"))).dry_run


def test_alerts_that_cannot_be_noted_are_asked_for_again(client: Client, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute("DROP TABLE runs")
    answer = client.post(webhook(alert()), BEARING)
    assert answer.status_code == 503
    assert "sqlite" not in answer.text  # the log has it


def options(tmp_path: Path, *more: str) -> list[str]:
    (tmp_path / "token").write_text(TOKEN, "utf-8")
    return [
        "--workspace", str(tmp_path / "w"), "--lake", "lake", "--token-file", str(tmp_path / "token"), *more,
    ]  # fmt: skip


def test_a_run_is_local_unless_a_server_is_named(tmp_path: Path) -> None:
    local = command_of(parser().parse_args(options(tmp_path, "--set", "split.test_days=7")))("why")
    what = ["run", "training", "--lake", "lake", "--workspace", str(tmp_path / "w"), "--trigger", "why"]
    assert list(local[3:]) == [*what, "--set", "split.test_days=7"]
    there = ["--kfp-host", "https://kubeflow.example", "--kfp-token-env", "TOKEN", "--kfp-namespace", "music"]
    submitted = command_of(parser().parse_args(options(tmp_path, *there)))("why")
    named = ["--host", "https://kubeflow.example", "--token-env", "TOKEN", "--namespace", "music"]
    assert list(submitted[3:11]) == ["submit", "training", *named]
    assert list(submitted[11:15]) == what[2:6]


def test_a_token_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = options(tmp_path)
    (tmp_path / "token").write_text("short\n", "utf-8")
    assert main(arguments) == 2
    assert "holds 5 characters; a token needs at least 16" in capsys.readouterr().err
    (tmp_path / "token").unlink()
    assert main(arguments) == 2
    assert "--token-file" in capsys.readouterr().err
