"""Local runs of toy pipelines under the real runner: logs, times, reuse, errors, loops, killing, stopping."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crossfade.cli.forking import Step
from crossfade.cli.local_runs import KEPT_RUNS, run_locally
from crossfade.cli.run_lock import held_lock
from crossfade.cli.steps import Steps, Timing
from crossfade.schema.errors import CrossfadeError, InputError, MissingExtraError
from tests.cli import toys


class Recorder:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def started(self, step: str) -> None:
        self.lines.append(f"{step} started")

    def ended(self, timing: Timing) -> None:
        self.lines.append(f"{timing.step} {timing.status}")


def run(pipeline: object, home: Path, **arguments: str) -> list[str]:
    recorder = Recorder()
    run_locally(toys.compiled(pipeline, home), arguments, home / "runs", recorder)
    return [line for line in recorder.lines if not line.endswith("started")]


def runs_of(home: Path) -> list[Path]:
    return sorted(path.parent for path in (home / "runs").glob("*/pipeline.log"))


def test_steps_run_in_order_with_a_log_and_timings(tmp_path: Path) -> None:
    steps = ["fit", "fit-until-test", "gate", "fit-3", "note"]
    assert run(toys.gated, tmp_path, folder=str(tmp_path), verdict="promote") == [
        f"{step} finished" for step in steps
    ]
    (directory,) = runs_of(tmp_path)
    assert (tmp_path / "promoted").read_text() == f"{directory.name}:  validation test end"
    assert not (tmp_path / "refused").exists()
    timings = json.loads((directory / "timings.json").read_text())
    assert [timing["step"] for timing in timings] == steps
    assert all(
        timing["seconds"] > 0 and timing["cpu_seconds"] > 0 and timing["peak_rss_bytes"] > 1 << 20
        for timing in timings
    )
    assert "validation" in (directory / "fit.log").read_text()
    assert "finished with status" in (directory / "pipeline.log").read_text()
    assert not (directory / "tmp").exists()


def test_the_other_branch_runs_and_finished_steps_are_reused(tmp_path: Path) -> None:
    run(toys.gated, tmp_path, folder=str(tmp_path), verdict="promote")
    steps = run(toys.gated, tmp_path, folder=str(tmp_path), verdict="refuse")
    assert steps == ["fit reused", "fit-until-test reused", "gate finished", "note-2 finished"]
    assert (tmp_path / "refused").read_text().endswith(" validation test")


def test_a_result_whose_artifact_was_removed_is_made_again(tmp_path: Path) -> None:
    for _ in range(KEPT_RUNS):
        steps = run(toys.gated, tmp_path, folder=str(tmp_path), verdict="refuse")
    assert steps[0] == "fit reused"
    assert len(list((tmp_path / "runs").glob("*/artifacts"))) == KEPT_RUNS
    assert run(toys.gated, tmp_path, folder=str(tmp_path), verdict="refuse")[0] == "fit finished"
    assert len(runs_of(tmp_path)) == KEPT_RUNS + 1


def test_a_condition_that_kfp_cannot_read_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(
        CrossfadeError,
        match="KFP could not read a condition of the pipeline: Condition evaluation failed",
    ):
        run(toys.gated, tmp_path, folder=str(tmp_path), verdict="it's good")
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        (
            "input",
            InputError,
            r"step misbehave: File a\.csv has no column user_id; add it\. \(log: .*misbehave\.log\)$",
        ),
        ("training", CrossfadeError, r"step misbehave: Loss is NaN after 3 batches\. \(log: "),
        ("unexpected", CrossfadeError, r"step misbehave: ValueError: surprise \(log: "),
        (
            "killed",
            CrossfadeError,
            r"step misbehave: ended by SIGKILL; the machine may be out of memory \(log: ",
        ),
        ("silent", CrossfadeError, r"step misbehave: ended with code 3 \(log: "),
    ],
)
def test_a_failed_step_says_why_in_one_line(
    tmp_path: Path, how: str, kind: type[CrossfadeError], message: str
) -> None:
    with pytest.raises(CrossfadeError, match=message) as caught:
        run(toys.failing, tmp_path, how=how)
    assert type(caught.value) is kind
    assert "Traceback" not in str(caught.value)
    (directory,) = runs_of(tmp_path)
    assert [timing["status"] for timing in json.loads((directory / "timings.json").read_text())] == ["failed"]
    assert not (directory / "tmp").exists()


def test_a_loop_runs_every_iteration_and_ends_at_the_first_failure(tmp_path: Path) -> None:
    names = ["one", "two", "three"]
    assert run(toys.looping, tmp_path, folder=str(tmp_path)).count("shard-1 finished") == 1
    assert [(tmp_path / name).read_text() for name in names] == names
    with pytest.raises(CrossfadeError, match=r"step shard-1: Shard two is torn\. \(log: .*shard-1\.log\)"):
        run(toys.looping, tmp_path, folder=str(tmp_path), bad="two")


def run_apart(home: Path, marker: Path) -> "subprocess.Popen[str]":
    """Start a run in a process of its own; wait until its step has written its process id into the marker."""
    yaml = home / "failing.yaml"
    yaml.write_text(toys.compiled(toys.failing, home))
    code = (
        "import sys; from pathlib import Path; from rich.console import Console\n"
        "from crossfade.cli.local_runs import run_locally; from crossfade.cli.progress import reporting\n"
        "yaml, how, runs = sys.argv[1:]\n"
        "with reporting(Console(stderr=True)) as reporter:\n"
        "    run_locally(Path(yaml).read_text(), {'how': how}, Path(runs), reporter)\n"
    )
    command = [sys.executable, "-c", code, str(yaml), f"sleep {marker}", str(home / "runs")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (marker.exists() and marker.read_text()):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    return process


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_second_run_is_refused_and_a_stopped_run_ends_its_steps(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    process = run_apart(tmp_path, marker)
    with pytest.raises(
        InputError, match=rf"in use by run failing-.* \(process {process.pid}\); wait for its end or stop it"
    ):
        run(toys.looping, tmp_path, folder=str(tmp_path))
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=30)[1]
    assert not is_alive(int(marker.read_text()))
    assert run(toys.looping, tmp_path, folder=str(tmp_path)) != []


def test_what_a_killed_run_left_running_is_ended_by_the_next(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    process = run_apart(tmp_path, marker)
    process.kill()
    process.communicate(timeout=30)
    step = int(marker.read_text())
    assert is_alive(step)
    assert run(toys.looping, tmp_path, folder=str(tmp_path)) != []
    assert not is_alive(step)
    assert list((tmp_path / "runs").glob("*/tmp")) == []


def test_no_step_starts_after_the_run_was_stopped(tmp_path: Path) -> None:
    with held_lock(tmp_path / "lock", "run-1") as lock:
        steps = Steps(tmp_path, lock, Recorder().started, Recorder().ended)
        steps.stop(signal.SIGTERM)
        with pytest.raises(CrossfadeError, match=r"The run was stopped by SIGTERM\."):
            steps.run("late", lambda log: Step([], {}, log))
    assert not (tmp_path / "late.log").exists()


def test_a_missing_kfp_is_told_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = toys.compiled(toys.looping, tmp_path)
    monkeypatch.setitem(sys.modules, "kfp", None)
    with pytest.raises(
        MissingExtraError, match=r"kfp is needed here .* pip install 'crossfade\[pipelines\]'"
    ):
        run_locally(text, {}, tmp_path / "runs", Recorder())


def test_the_environment_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    before = print, logging.root.handlers[:], logging.root.level
    run(toys.looping, tmp_path, folder=str(tmp_path))
    assert "TMPDIR" not in os.environ
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run(toys.looping, tmp_path, folder=str(tmp_path))
    assert os.environ["TMPDIR"] == str(tmp_path)
    assert before == (print, logging.root.handlers, logging.root.level)
    assert handlers == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
