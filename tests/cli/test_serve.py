"""`crossfade serve` hands each service what is meant for it; tests/serving runs the services themselves."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from crossfade.cli import serve
from crossfade.cli.main import main
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import CrossfadeError
from serving.gateway.__main__ import parser as gateway_parser
from serving.ports import free_ports
from serving.recommender.__main__ import parser as recommender_parser


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sequence[str]]:
    """What would be run."""
    seen: dict[str, Sequence[str]] = {}

    @contextmanager
    def running(commands: Mapping[str, Sequence[str]], _: int) -> Iterator[None]:
        seen.update(commands)
        raise CrossfadeError("far enough")
        yield

    monkeypatch.setattr(serve, "_running", running)
    monkeypatch.setattr(Workspace, "champion", lambda workspace: workspace.path)
    return seen


def test_options_of_the_gateway_reach_it(commands: dict[str, Sequence[str]], tmp_path: Path) -> None:
    Workspace.create(tmp_path)
    given = {
        "experiments": tmp_path,
        "home": tmp_path / "home.yaml",
        "kafka_config": tmp_path / "k.properties",
    }
    for file in (given["home"], given["kafka_config"]):
        file.touch()
    options = [part for key, value in given.items() for part in (f"--{key.replace('_', '-')}", str(value))]
    port = free_ports("127.0.0.1", 3)[0]
    arguments = ["--workspace", str(tmp_path), "--port", str(port), "--set", "serving.retry_ms=7", *options]
    assert main(["serve", *arguments, "--brokers", "b:9", "--topic", "shown", "--store", "redis://r/1"]) == 1
    gateway = gateway_parser().parse_args(commands["gateway"])
    assert {key: getattr(gateway, key) for key in given} == given
    assert (gateway.brokers, gateway.topic, gateway.store) == ("b:9", "shown", "redis://r/1")
    assert (gateway.workspace, gateway.port, gateway.set) == (tmp_path, port, ["serving.retry_ms=7"])
    recommender = recommender_parser().parse_args(commands["recommender"])
    assert gateway.recommender == f"grpc://127.0.0.1:{recommender.rpc_port}"


def test_what_is_not_given_keeps_its_default(commands: dict[str, Sequence[str]], tmp_path: Path) -> None:
    Workspace.create(tmp_path)
    assert main(["serve", "--workspace", str(tmp_path), "--port", str(free_ports("127.0.0.1", 3)[0])]) == 1
    gateway = gateway_parser().parse_args(commands["gateway"])
    assert (gateway.experiments, gateway.home, gateway.brokers, gateway.topic, gateway.store) == (
        None, None, None, "exposures", "",
    )  # fmt: skip
