"""A bundle of a release that does not exist yet: whole, and of a format that this one does not know."""

import re
import shutil
from pathlib import Path

import pytest

from crossfade.cli.main import main as crossfade
from crossfade.recommender.manifest import (
    CODE_VERSION,
    DIGEST,
    FILES,
    MANIFEST,
    read_manifest,
    write_manifest,
)
from crossfade.recommender.workspace import Workspace
from serving.gateway.__main__ import main as gateway
from serving.gateway.champion import Champion
from serving.ports import free_port
from serving.recommender.__main__ import main as recommender
from tests.recommender.world import copied

GATEWAY = ["--recommender", "grpc://127.0.0.1:1"]
TOLD = re.compile(
    r"error: \S+ was made by Crossfade 9\.0\.0 and cannot be read by this one, [\d.]+: \w+: .*hue.*"
    r"crossfade champion rollback steps back to the bundle before it\.\n"
)


@pytest.fixture
def workspace(planted_world: Path, tmp_path: Path) -> Workspace:
    """Its champion is of this release; `future` makes another."""
    bundle = copied(planted_world, tmp_path)
    workspace = Workspace.create(tmp_path)
    workspace.promote(bundle.name, reason="First.", run_id="r1", evaluation={})
    return workspace


def future(workspace: Workspace) -> Path:
    """Make a bundle of release 9.0.0, whose policies know a key more."""
    champion, made = workspace.champion(), workspace.bundles / "future"
    shutil.copytree(champion, made)
    about = {key: value for key, value in read_manifest(champion).items() if key not in (DIGEST, FILES)}
    (made / MANIFEST).unlink()
    with (made / "policies" / "radio.yaml").open("a") as file:
        file.write("hue: 1\n")
    return made.rename(workspace.bundles / write_manifest(made, {**about, CODE_VERSION: "9.0.0"}))


def test_commands_and_servers_say_so_in_one_line(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = str(future(workspace))
    free = [str(free_port("127.0.0.1")) for _ in range(3)]
    started = [
        lambda: crossfade(["recommend", "--bundle", bundle, "--surface", "radio", "u02"]),
        lambda: recommender(["--bundle", bundle, "--rest-port", free[0], "--rpc-port", free[1]]),
        lambda: gateway(
            [*GATEWAY, "--workspace", str(workspace.path), "--bundle", bundle, "--port", free[2]]
        ),
    ]
    for start in started:
        assert start() == 1
        assert TOLD.fullmatch(capsys.readouterr().err)


def test_a_gateway_keeps_what_it_has_until_it_is_upgraded(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    champion = Champion(None, workspace)
    first = champion.popular.bundle
    workspace.promote(future(workspace).name, reason="Trained anew.", run_id="r2", evaluation={})
    for _ in range(2):
        champion._look()
    assert champion.popular.bundle == first
    assert len(caplog.messages) == 1, "it is told of once"
    assert "was made by Crossfade 9.0.0" in caplog.text
