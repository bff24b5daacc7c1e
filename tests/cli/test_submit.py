"""Submitting to a stand-in for Kubeflow: versions named by content, reuse, runs, and errors in one line."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from components.image import stamped_image
from crossfade.cli.compile import compiled, version_name
from crossfade.cli.main import main
from crossfade.schema.settings import parse_settings
from tests.cli.kubeflow import Kubeflow, serving


@pytest.fixture
def kubeflow() -> Iterator[Kubeflow]:
    with serving(Kubeflow()) as server:
        yield server


def submit(kubeflow: Kubeflow, *more: str) -> int:
    return main(["submit", "weekly", "--host", kubeflow.url, *more])


def test_a_version_is_uploaded_once_and_run_each_time(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit(kubeflow, "--set", "weekly.users_per_shard=7", "--lake", "/data/lake") == 0
    first = capsys.readouterr()
    text = compiled("weekly", stamped_image())
    name = version_name(text)
    assert first.out.startswith(f"uploaded version {name} of crossfade-weekly\nstarted run weekly-")
    assert first.out.endswith(f": {kubeflow.url}/#/runs/details/r0\n")
    assert first.err == ""
    assert submit(kubeflow) == 0
    assert capsys.readouterr().out.startswith(f"reused version {name} of crossfade-weekly\n")

    assert [pipeline["display_name"] for pipeline in kubeflow.pipelines] == ["crossfade-weekly"]
    uploaded = next(version for version in kubeflow.versions if version["display_name"] == name)
    assert yaml.safe_load(uploaded["text"]) == yaml.safe_load(text)
    assert [experiment["display_name"] for experiment in kubeflow.experiments] == ["crossfade"]
    assert len(kubeflow.runs) == 2
    run = kubeflow.runs[0]
    assert run["experiment_id"] == "e0"
    assert run["pipeline_version_reference"]["pipeline_version_id"] == uploaded["pipeline_version_id"]
    arguments = run["runtime_config"]["parameters"]
    assert set(arguments) == {"lake", "workspace", "settings"}, "weekly takes no name of its run"
    assert arguments["lake"] == "/data/lake"
    assert parse_settings(arguments["settings"]).weekly.users_per_shard == 7


def test_another_image_is_another_version(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    assert submit(kubeflow) == submit(kubeflow, "--image", "registry.example/crossfade:1") == 0
    assert capsys.readouterr().out.count("uploaded") == 2
    spec = yaml.safe_load(kubeflow.versions[-1]["text"])
    images = {executor["container"]["image"] for executor in spec["deploymentSpec"]["executors"].values()}
    assert images == {"registry.example/crossfade:1"}


def test_a_run_is_named_in_a_pipeline_that_takes_a_name(kubeflow: Kubeflow) -> None:
    assert main(["submit", "training", "--host", kubeflow.url, "--experiment", "spring"]) == 0
    (run,) = kubeflow.runs
    assert run["runtime_config"]["parameters"]["run"] == run["display_name"]
    assert kubeflow.experiments[0]["display_name"] == "spring"


@pytest.mark.parametrize(
    ("state", "arguments", "line"),
    [
        (
            {"token": "t"},
            [],
            r"asks for credentials (401 Unauthorized); name a variable that holds a token: --token-env NAME.",
        ),
        ({"token": "t"}, ["--token-env", "TOKEN"], r"asks for credentials (401 Unauthorized)"),
        ({"is_forbidden": True}, [], r"refuses these credentials (403 Forbidden); ask for the right"),
    ],
)
def test_credentials_are_asked_for_in_one_line(
    state: dict[str, object],
    arguments: list[str],
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "wrong")
    with serving(Kubeflow(**state)) as kubeflow:  # type: ignore[arg-type]
        assert submit(kubeflow, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {kubeflow.url} {line}")
    assert error.count("\n") == 1
    assert kubeflow.runs == []


def test_a_token_comes_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t0k3n\n")
    with serving(Kubeflow(token="t0k3n")) as kubeflow:
        assert submit(kubeflow, "--token-env", "TOKEN") == 0
        monkeypatch.delenv("TOKEN")
        assert submit(kubeflow, "--token-env", "TOKEN") == 2
    assert "--token-env TOKEN: the environment variable is not set or empty" in capsys.readouterr().err


def test_a_name_that_is_taken_is_told(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    kubeflow.hidden_version = version_name(compiled("weekly", stamped_image()))
    assert submit(kubeflow) == 1
    taken = f"Already exist error: version {kubeflow.hidden_version} exists"
    assert capsys.readouterr().err == f"error: {kubeflow.url} has that name already (409 Conflict): {taken}\n"
    kubeflow.pipelines = [{"pipeline_id": f"p{n}", "display_name": "crossfade-weekly"} for n in range(2)]
    assert submit(kubeflow) == 1
    assert "has 2 pipelines named crossfade-weekly; remove all but one." in capsys.readouterr().err


def test_other_refusals_and_ambiguity_are_told(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    kubeflow.experiments = [{"experiment_id": f"e{n}", "display_name": "crossfade"} for n in range(2)]
    assert submit(kubeflow) == 1
    assert "Multiple experiments is found with name crossfade" in capsys.readouterr().err
    assert main(["submit", "weekly", "--host", f"{kubeflow.url}/prefix"]) == 1
    expected = f"{kubeflow.url}/prefix refused the request (500 Internal Server Error): unexpected GET"
    assert expected in capsys.readouterr().err


def test_no_server_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert main(["submit", "weekly", "--host", host]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {host} does not answer (")
    assert "Connection refused" in error
    assert error.count("\n") == 1
    assert main(["submit", "weekly", "--host", "localhost:8888"]) == 2
    assert "--host localhost:8888: needs a URL" in capsys.readouterr().err


def test_wrong_settings_stop_before_anything_is_sent(kubeflow: Kubeflow, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(json.dumps({"split": {"test_dais": 3}}))
    assert submit(kubeflow, "--settings", str(settings)) == 2
    assert kubeflow.pipelines == []
