"""Schedules on a stand-in for Kubeflow: what is there and equal stays, what differs is replaced, nothing runs twice."""

import socket
from collections.abc import Iterator

import pytest

from components.image import stamped_image
from crossfade.cli.compile import PIPELINES, compiled, version_name
from crossfade.cli.main import main
from crossfade.schema.code import code_version
from crossfade.schema.settings import default_settings, parse_settings
from tests.cli.kubeflow import Kubeflow, serving


@pytest.fixture
def kubeflow() -> Iterator[Kubeflow]:
    with serving(Kubeflow()) as server:
        yield server


def submit(kubeflow: Kubeflow, *more: str, pipeline: str = "drift") -> int:
    return main(["submit", pipeline, "--host", kubeflow.url, "--recurring", *more])


def test_the_same_submit_again_changes_nothing(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit(kubeflow, "--set", "drift.users=7") == 0
    name = version_name(compiled("drift", stamped_image()))
    told = capsys.readouterr().out
    assert told == (
        f"uploaded version {name} of crossfade-drift\n"
        f"scheduled crossfade-drift at '0 6 * * *': {kubeflow.url}/#/recurringrun/details/s0\n"
    )
    (run,) = kubeflow.recurring
    before = dict(run)
    assert submit(kubeflow, "--set", "drift.users=7") == 0
    assert capsys.readouterr().out.endswith(
        f"unchanged crossfade-drift at '0 6 * * *': {kubeflow.url}/#/recurringrun/details/s0\n"
    )
    assert kubeflow.recurring == [before]
    assert kubeflow.runs == [], "the server starts them"
    assert (run["display_name"], run["experiment_id"]) == ("crossfade-drift", "e0")
    assert run["trigger"] == {"cron_schedule": {"cron": "0 0 6 * * *"}}, "with a field of seconds in front"
    assert (run["max_concurrency"], run["no_catchup"]) == ("1", True)
    version = kubeflow.versions[-1]
    assert run["pipeline_version_reference"]["pipeline_version_id"] == version["pipeline_version_id"]
    assert version["display_name"] == name
    assert parse_settings(run["runtime_config"]["parameters"]["settings"]).drift.users == 7


def test_what_differs_takes_the_place_of_what_was_there(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    different = (
        ("--set", "schedules.drift=0 5 * * *"),
        ("--set", "drift.users=8"),
        ("--lake", "/elsewhere"),
        ("--image", "registry.example/crossfade:1"),
        ("--set", "steps.service_account=steps"),
        ("--set", "steps.node_selector=[pool=batch]"),
    )
    assert submit(kubeflow) == 0
    for number, more in enumerate(different, 1):
        capsys.readouterr()
        assert submit(kubeflow, *more) == 0
        assert "\nrescheduled crossfade-drift" in capsys.readouterr().out, more
        assert [run["recurring_run_id"] for run in kubeflow.enabled()] == [f"s{number}"], more
    assert submit(kubeflow) == 0
    assert [run["recurring_run_id"] for run in kubeflow.enabled()] == ["s7"], (
        "enabling the first again would run at once what it has missed"
    )


def test_an_empty_schedule_pauses(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    empty = ("--set", "schedules.drift=''")
    assert submit(kubeflow) == submit(kubeflow, *empty) == submit(kubeflow, *empty) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1::2]] == [
        "scheduled", "paused", "unchanged",
    ]  # fmt: skip
    assert kubeflow.enabled() == []


def test_a_submit_that_was_killed_between_is_mended_by_the_next(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    other = ("--set", "schedules.drift=0 5 * * *")
    assert submit(kubeflow) == 0
    kubeflow.is_stuck, kubeflow.most_listed = True, 1
    assert submit(kubeflow, *other) == 1
    assert "refused the request (500 Internal Server Error)" in capsys.readouterr().err
    assert len(kubeflow.enabled()) == 2, "rather twice than never"
    kubeflow.is_stuck = False
    assert submit(kubeflow, *other) == 0
    assert [run["recurring_run_id"] for run in kubeflow.enabled()] == ["s1"]


def test_others_of_the_experiment_are_left_alone(kubeflow: Kubeflow) -> None:
    for pipeline in PIPELINES:
        assert submit(kubeflow, pipeline=pipeline) == 0
    assert submit(kubeflow, "--experiment", "spring") == 0
    crons = {run["display_name"]: run["trigger"]["cron_schedule"]["cron"] for run in kubeflow.enabled()[:4]}
    schedules = default_settings().schedules.model_dump()
    assert crons == {f"crossfade-{name}": f"0 {cron}" for name, cron in schedules.items()}
    assert len(kubeflow.enabled()) == 5
    training = kubeflow.recurring[0]["runtime_config"]["parameters"]
    assert training["run"] == "training-[[ScheduledTime.20060102T150405]]", "a name for each run"


def test_a_version_tells_its_code_and_git_revision(
    kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSFADE_REVISION", "1f2e3d4c")
    assert submit(kubeflow) == 0
    told = f"Crossfade {code_version()}, Git revision 1f2e3d4c"
    assert kubeflow.versions[-1]["description"] == told
    version = kubeflow.versions[-1]["display_name"]
    assert kubeflow.recurring[0]["description"] == (
        f"version {version} of crossfade-drift as the server's account"
    )
    monkeypatch.setenv("CROSSFADE_REVISION", "another commit of equal code")
    assert submit(kubeflow) == 0
    assert len(kubeflow.recurring) == 1


def test_the_experiment_pipeline_is_told_where_to_roll_out(kubeflow: Kubeflow) -> None:
    account = ("--set", "steps.service_account=rollout")
    assert submit(kubeflow, "--rollout-namespace", "music", *account, pipeline="experiment") == 0
    (run,) = kubeflow.recurring
    assert run["runtime_config"]["parameters"]["namespace"] == "music"
    assert run["service_account"] == "rollout"


def test_a_wrong_schedule_stops_before_anything_is_sent(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit(kubeflow, "--set", "schedules.drift=0 25 * * *") == 2
    assert "schedules.drift='0 25 * * *': '25' is no hour: needs 0 to 23" in capsys.readouterr().err
    assert kubeflow.pipelines == []


def test_credentials_clash_and_silence_are_told(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t0k3n")
    kubeflow.token = "t0k3n"
    assert submit(kubeflow) == 1
    assert "asks for credentials (401 Unauthorized)" in capsys.readouterr().err
    kubeflow.hidden_version = version_name(compiled("drift", stamped_image()))
    assert submit(kubeflow, "--token-env", "TOKEN") == 1
    assert "has that name already (409 Conflict)" in capsys.readouterr().err
    kubeflow.hidden_version = None
    assert submit(kubeflow, "--token-env", "TOKEN") == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        kubeflow.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert submit(kubeflow) == 1
    assert "does not answer (" in capsys.readouterr().err
    assert len(kubeflow.recurring) == 1
