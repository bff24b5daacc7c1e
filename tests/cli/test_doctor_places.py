"""An installation, looked at: a lake, a champion and real servers, well and not."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.kafka_broker import built_in
from crossfade.cli.doctor_places import Places, installation
from crossfade.cli.finding import MISSING, OK, Finding
from crossfade.lake.lake import BRONZE, Lake
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import parse_settings
from crossfade.sources.kafka import client
from tests.cli.kubeflow import Kubeflow, serving
from tests.manifests.rendering import MANIFESTS
from tests.redis_server import running_redis

NOWHERE = Places(None, None, None, None, None, None, None)
SILENT = "127.0.0.1:1"  # a port that nobody may listen on


def found(places: Places, *assignments: str) -> dict[str, Finding]:
    return {finding.what: finding for finding in installation(places, parse_settings("", assignments))}


@contextmanager
def files_served(directory: Path) -> Iterator[str]:
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_only_what_was_named_is_looked_at() -> None:
    assert found(NOWHERE) == {"mlflow": Finding("mlflow", OK, "no server is asked: SQLite in the workspace")}


def test_a_lake_is_opened(tmp_path: Path) -> None:
    places = NOWHERE._replace(lake=tmp_path / "lake")
    gone = found(places)["lake"]
    assert (gone.state, gone.mend) == (MISSING, "crossfade import events FILE --lake DIR")
    lake = Lake.create(tmp_path / "lake")
    assert found(places)["lake"].told == f"The lake at {lake.path} is empty."
    lake.append(BRONZE, "events", pa.table({"user_id": ["a"]}))
    assert found(places)["lake"][1:3] == (
        OK, f"1 tables at {lake.path}, of a schema version that this Crossfade knows",
    )  # fmt: skip
    (lake.path / "lake.json").write_text('{"schema_version": 99}')
    newer = found(places)["lake"]
    assert newer.state == MISSING
    assert "has schema version 99" in newer.told


def test_each_byte_of_the_champion_is_verified(tmp_path: Path) -> None:
    places = NOWHERE._replace(workspace=tmp_path)
    assert "is not a workspace" in found(places)["champion"].told
    workspace = Workspace.create(tmp_path)
    assert "has no champion yet" in found(places)["champion"].told
    bundle = write_bundle(workspace.bundles, lambda folder: (folder / "file").write_text("x"), {})
    workspace.promote(bundle.name, reason="It is first.", run_id="run", evaluation={})
    assert found(places)["champion"][1:3] == (
        OK, f"{bundle.name}, each of its 1 files as its manifest says",
    )  # fmt: skip
    (bundle / "file").write_text("y")
    changed = found(places)["champion"]
    assert changed.state == MISSING
    assert f"{bundle / 'file'} was changed" in changed.told


def test_mlflow_is_asked_for_its_health(tmp_path: Path) -> None:
    with files_served(tmp_path) as url:
        ill = found(NOWHERE, f"tracking.uri={url}/")["mlflow"]
        assert (ill.state, ill.told) == (
            MISSING, f"{url}/health does not answer well: HTTP Error 404: File not found.",
        )  # fmt: skip
        (tmp_path / "health").write_text("OK")
        assert found(NOWHERE, f"tracking.uri={url}")["mlflow"][1:3] == (OK, f"{url}/health answers 200")
    assert "refused" in found(NOWHERE, f"tracking.uri=http://{SILENT}")["mlflow"].told


def test_kubeflow_is_asked_with_the_token() -> None:
    with serving(Kubeflow(token="t0k3n")) as kubeflow:
        places = NOWHERE._replace(kfp_host=kubeflow.url)
        assert "asks for credentials (401" in found(places)["kubeflow"].told
        assert found(places._replace(token="t0k3n"))["kubeflow"].told == f"{kubeflow.url} answers"


def test_a_store_is_asked_for_its_playlists(tmp_path: Path) -> None:
    with running_redis(tmp_path) as redis:
        well = found(NOWHERE, f"weekly.store_url=redis://127.0.0.1:{redis.port}/0")["store"]
    assert well[1:3] == (OK, "answers; the weekly playlists are of no generation yet")
    ill = found(NOWHERE, f"weekly.store_url=redis://:secret@{SILENT}/0")["store"]
    assert ill.state == MISSING
    assert ill.told.startswith(f"Redis at redis://{SILENT}/0 does not answer or refuses")
    assert "secret" not in str(ill)


def test_kafka_is_asked_for_its_brokers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with built_in() as broker:
        assert (
            found(NOWHERE._replace(brokers=broker.address))["kafka"].told == f"1 brokers at {broker.address}"
        )
    monkeypatch.setattr(client, "FIRST_ANSWER_SECONDS", 0.1)
    (tmp_path / "kafka.properties").write_text("security.protocol=plaintext\n")
    ill = found(NOWHERE._replace(brokers=SILENT, kafka_config=tmp_path / "kafka.properties"))["kafka"]
    assert (ill.state, ill.mend) == (MISSING, "start it, or mend --brokers and --kafka-config")
    assert ill.told.startswith(f"No Kafka broker answers at {SILENT}: ")


def test_an_overlay_that_was_never_filled_in_is_missing(tmp_path: Path) -> None:
    overlay = MANIFESTS / "overlays" / "production"
    unfilled = found(NOWHERE._replace(overlay=overlay))["overlay"]
    assert unfilled == Finding(
        "overlay",
        MISSING,
        f"{overlay / 'champion.yaml'} names the bundle '0000000000000000', which stands for none.",
        f"crossfade champion pin {overlay} --workspace DIR",
    )
    filled = (overlay / "champion.yaml").read_text("utf-8").replace("0" * 16, "0123456789abcdef")
    (tmp_path / "champion.yaml").write_text(filled, "utf-8")
    told = found(NOWHERE._replace(overlay=tmp_path))["overlay"]
    assert told == Finding("overlay", OK, "serves the bundle 0123456789abcdef")
