"""Built images: what is in them and what is not, and a component and a server that run in them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from crossfade.schema.code import VERSION
from serving.ports import free_port
from tests.containers.built import command, image_of, label, output
from tests.containers.dockerfile import ROOT
from tests.serving import places

IMAGES = ("pipeline", "serving", "monitoring", "spark")
HOST = "127.0.0.1"
COMPILERS = {"cc", "gcc", "g++", "c++", "clang", "ld", "as", "make", "cmake", "pip", "go", "cargo", "javac"}
CACHES = ("/root/.cache", "/tmp/.cache", "/var/cache/apt/archives", "/var/lib/apt/lists")
LOOK = f"""
import json, os

def files(*tops):
    return [os.path.join(folder, name) for top in tops for folder, _, names in os.walk(top) for name in names]

def refused(path):
    try:
        open(path, "w")
    except OSError as error:
        return error.strerror

found = files("/usr", "/opt", "/bin", "/sbin")
print(json.dumps({{
    "programs": [path for path in found if os.path.basename(path) in {COMPILERS!r} and os.access(path, os.X_OK)],
    "cached": files(*{CACHES!r}),
    "who": [os.getuid(), os.getgid()],
    "written": refused("/opt/written"),
    "revision": os.environ["CROSSFADE_REVISION"],
    "python": sum(path.endswith(".py") for path in found),
}}))
"""


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_holds_no_compiler_and_no_cache_and_runs_without_rights(name: str) -> None:
    image = image_of(name)
    told = json.loads(output(image, "python", "-c", LOOK))
    assert told["programs"] == []
    assert [path for path in told["cached"] if not path.endswith("/lock")] == []
    assert told["who"] == [10001, 10001]
    assert told["written"] == "Read-only file system"
    assert (label(image, "version"), label(image, "revision")) == (VERSION, told["revision"])
    assert told["python"] > 1000, "it was looked where Python's files are"


def test_a_component_runs_in_the_image_as_kubeflow_runs_it(planted_world: Path, tmp_path: Path) -> None:
    """The compiled pipeline's own command line, with the input that Kubeflow's launcher would put in."""
    image = image_of("pipeline")
    workspace = places.make_workspace(planted_world, tmp_path / "workspace")
    spec = yaml.safe_load((ROOT / "pipelines" / "compiled" / "weekly.yaml").read_text("utf-8"))
    container = spec["deploymentSpec"]["executors"]["exec-find-champion"]["container"]
    asked: dict[str, Any] = {
        "inputs": {"parameterValues": {"workspace": "/workspace", "settings": ""}},
        "outputs": {"parameters": {"Output": {"outputFile": "/tmp/output"}}, "outputFile": "/tmp/executor"},
    }
    words = [each.replace("{{$}}", json.dumps(asked)) for each in (*container["command"], *container["args"])]
    words[2] += "; cat /tmp/executor"
    told = output(image, *words, mounts=[f"{workspace.path}:/workspace"])
    assert json.loads(told.splitlines()[-1])["parameterValues"] == {"Output": workspace.champion_digest()}


def test_a_recommender_and_a_gateway_serve_from_the_image(planted_world: Path, tmp_path: Path) -> None:
    image = image_of("serving")
    workspace = places.make_workspace(planted_world, tmp_path / "workspace")
    rest, rpc, port = (free_port(HOST) for _ in range(3))
    recommender = [
        "python",
        "-m",
        "serving.recommender",
        "--bundle",
        "/bundle",
        "--rest-port",
        str(rest),
        "--rpc-port",
        str(rpc),
    ]
    gateway = [
        "python",
        "-m",
        "serving.gateway",
        "--workspace",
        "/workspace",
        "--recommender",
        f"grpc://{HOST}:{rpc}",
        "--port",
        str(port),
        "--exposures",
        "/tmp/exposures.jsonl",
    ]
    started = [
        subprocess.Popen(command(image, words, mounts=[mount]), stdout=subprocess.DEVNULL)
        for words, mount in (
            (recommender, f"{workspace.champion()}:/bundle"),
            (gateway, f"{workspace.path}:/workspace"),
        )
    ]
    try:
        places.wait_until(
            lambda: places.answers(f"http://{HOST}:{rest}/v2/models/crossfade/ready"), "the recommender"
        )
        places.wait_until(lambda: places.answers(f"http://{HOST}:{port}/readyz"), "the gateway")
        asked = {"surface": "radio", "user_id": "u02", "k": 5}
        answer = httpx.post(
            f"http://{HOST}:{port}/v1/recommend", json=asked, trust_env=False, timeout=60
        ).json()
        assert (answer["bundle"], answer["fallback"], len(answer["tracks"])) == (
            workspace.champion_digest(),
            None,
            5,
        )
    finally:
        for each in started:
            each.terminate()
    assert [each.wait(60) for each in started] == [0, 0]
