"""Built images: what is in them and what is not, and a component and a server that run in them."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from crossfade.lake.build import STEPS, refresh
from crossfade.lake.lake import BRONZE, Lake
from crossfade.schema.code import VERSION
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import TRACKS
from crossfade.schema.user_keys import UserKey, write_keys
from serving.ports import free_port
from tests.containers.built import command, image_of, label, output, serving
from tests.containers.dockerfile import ROOT
from tests.lake.rows import bronze, minute
from tests.quality.lakes import NOW, good_tables, lake_of
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


def as_kubeflow_runs(pipeline: str, step: str, parameters: dict[str, str], artifact: str = "") -> list[str]:
    """Return the command line of a compiled pipeline's step, with the input that Kubeflow's launcher would put in.

    Args:
        pipeline: Its name.
        step: A component's name.
        parameters: Of its inputs.
        artifact: Name of what it writes, if it does.
    """
    spec = yaml.safe_load((ROOT / "pipelines" / "compiled" / f"{pipeline}.yaml").read_text("utf-8"))
    container = spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
    written = {"name": artifact, "uri": f"/tmp/{artifact}", "type": {"schemaTitle": "system.Artifact"}}
    asked: dict[str, Any] = {
        "inputs": {"parameterValues": parameters},
        "outputs": {
            "parameters": {"Output": {"outputFile": "/tmp/output"}},
            "artifacts": {artifact: {"artifacts": [written]}} if artifact else {},
            "outputFile": "/tmp/executor",
        },
    }
    words = [each.replace("{{$}}", json.dumps(asked)) for each in (*container["command"], *container["args"])]
    words[2] += "\ncat /tmp/executor"
    return words


def test_a_component_runs_in_the_image_as_kubeflow_runs_it(planted_world: Path, tmp_path: Path) -> None:
    image = image_of("pipeline")
    workspace = places.make_workspace(planted_world, tmp_path / "workspace")
    words = as_kubeflow_runs("weekly", "find-champion", {"workspace": "/workspace", "settings": ""})
    told = output(image, *words, mounts=[f"{workspace.path}:/workspace"])
    assert json.loads(told.splitlines()[-1])["parameterValues"] == {"Output": workspace.champion_digest()}


def tiny_lake(home: Path) -> Lake:
    """Make a lake of a few listens in bronze and its key, which the image's user may write to."""
    home.mkdir()
    lake = Lake.create(home / "lake")
    plays = [
        {"user_id": f"u{n % 3}", "track_id": f"t{n % 5}", "timestamp": minute(31 * n), "played_ms": 200_000}
        for n in range(30)
    ]
    lake.append(BRONZE, "events", bronze([*plays]))
    tracks = [{"track_id": f"t{n}", "artist_ids": ["a"], "duration_ms": 200_000} for n in range(5)]
    lake.append(BRONZE, "tracks", bronze([*tracks], TRACKS))
    write_keys(lake.path, (UserKey(bytes(32)),))
    for path in (home, *home.rglob("*")):
        path.chmod(0o777)
    return lake


def contents(lake: Lake) -> dict[str, list[str]]:
    """Return table -> its rows as text, in an order of their own."""
    return {step.target: sorted(map(repr, lake.read(*step.target.split("/")).to_pylist())) for step in STEPS}


def refreshed(home: Path) -> dict[str, list[str]]:
    """Return what a refresh by this process makes of the tiny lake."""
    lake = tiny_lake(home)
    refresh(lake, default_settings())
    made = contents(lake)
    assert len(made["silver/events"]) == 30
    return made


def test_a_component_refreshes_a_lake_in_the_image(tmp_path: Path) -> None:
    image = image_of("pipeline")
    lake = tiny_lake(tmp_path / "there")
    words = as_kubeflow_runs("training", "refresh-lake", {"lake": "/data/lake", "settings": ""}, "counts")
    told = output(image, *words, mounts=[f"{lake.path.parent}:/data:rw"])
    assert json.loads(told.splitlines()[-1])["parameterValues"] == {"Output": lake.pins()}
    assert contents(lake) == refreshed(tmp_path / "here")


@pytest.mark.timeout(900)
def test_spark_refreshes_a_lake_in_the_image(tmp_path: Path) -> None:
    """The main file and the arguments of the ScheduledSparkApplication, by the image's entrypoint, on one core."""
    image = image_of("spark")
    lake, folder = tiny_lake(tmp_path / "there"), ROOT / "manifests" / "components" / "spark" / "refresh"
    told = yaml.safe_load((folder / "scheduledsparkapplication.yaml").read_text("utf-8"))["spec"]["template"]
    places_of = {"--lake": "/data/lake", "--settings": "/etc/crossfade/settings.yaml"}
    arguments = [
        f"{name}={places_of.get(name, value)}" if value else name
        for name, _, value in (each.partition("=") for each in told["arguments"])
    ]
    arguments[-1] = "--set=lake.spark_master=local[1]"
    settings = ROOT / "manifests" / "base" / "platform" / "settings.yaml"
    main = told["mainApplicationFile"].removeprefix("local://")
    output(
        image,
        "driver",
        "--master",
        "local[1]",
        main,
        *arguments,
        mounts=[
            f"{lake.path.parent}:/data:rw",
            f"{folder / 'main.py'}:{main}",
            f"{settings}:/etc/crossfade/settings.yaml",
        ],
        told={"SPARK_DRIVER_BIND_ADDRESS": HOST},
        seconds=600,
    )
    assert contents(lake) == refreshed(tmp_path / "here")


def test_an_exporter_and_a_receiver_answer_from_the_image(planted_world: Path, tmp_path: Path) -> None:
    image = image_of("monitoring")
    workspace = places.make_workspace(planted_world, tmp_path / "workspace")
    lake = lake_of(tmp_path / "lake", good_tables())
    (tmp_path / "token").write_text("a token of the test")
    (tmp_path / "token").chmod(0o444)
    exporting, receiving = free_port(HOST), free_port(HOST)
    module = ["python", "-m"]
    exporter = [*module, "monitoring.exporter", "--workspace=/workspace", "--lake=/lake"]
    receiver = [*module, "monitoring.receiver", "--workspace=/tmp/workspace", "--lake=/lake"]
    mounts = [f"{workspace.path}:/workspace", f"{lake.path}:/lake", f"{tmp_path / 'token'}:/token"]
    with serving(
        command(image, [*exporter, f"--port={exporting}"], mounts),
        command(image, [*receiver, "--token-file=/token", "--dry-run", f"--port={receiving}"], mounts),
    ):
        shown = {}
        for name, port in (("exporter", exporting), ("receiver", receiving)):
            url = f"http://{HOST}:{port}/metrics"
            places.wait_until(lambda url=url: places.answers(url), name)  # type: ignore[misc]
            shown[name] = httpx.get(url, trust_env=False).text
        alerts = f"http://{HOST}:{receiving}/v1/alerts"
        assert httpx.post(alerts, json={}, trust_env=False).status_code == 401
    told = dict(line.rsplit(" ", 1) for line in shown["exporter"].splitlines())
    assert float(told["crossfade_lake_newest_event_timestamp_seconds"]) == NOW.timestamp()
    assert float(told['crossfade_gate_decisions_total{action="promote"}']) == 1
    assert "# TYPE crossfade_retraining" in shown["receiver"]


def test_a_recommender_and_a_gateway_serve_from_the_image(planted_world: Path, tmp_path: Path) -> None:
    image = image_of("serving")
    workspace = places.make_workspace(planted_world, tmp_path / "workspace")
    rest, rpc, port = (free_port(HOST) for _ in range(3))
    recommender = ["python", "-m", "serving.recommender", "--bundle=/bundle"]
    gateway = [
        "python",
        "-m",
        "serving.gateway",
        "--workspace=/workspace",
        "--exposures=/tmp/exposures.jsonl",
    ]
    asking = [f"--recommender=grpc://{HOST}:{rpc}", f"--port={port}"]
    with serving(
        command(
            image,
            [*recommender, f"--rest-port={rest}", f"--rpc-port={rpc}"],
            [f"{workspace.champion()}:/bundle"],
        ),
        command(image, [*gateway, *asking], [f"{workspace.path}:/workspace"]),
    ):
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
