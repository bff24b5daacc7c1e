"""`crossfade doctor`: exit codes, words for people and JSON; nothing heavy is imported to look."""

import json
from pathlib import Path

import pytest

from crossfade.cli import doctor_machine
from crossfade.cli.finding import MISSING, NOTE, OK, Finding, lines, looked_at
from crossfade.cli.main import main
from crossfade.schema.errors import NotFoundError


@pytest.fixture(autouse=True)
def small_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine of four GiB, whatever this one is."""
    monkeypatch.setattr(doctor_machine, "total_memory_gib", lambda: 4.0)
    monkeypatch.chdir(tmp_path)


def test_nothing_missing_is_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--set", "lake.memory_gib=2"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "nothing missing"
    assert any(line.split()[:2] == ["ok", "memory"] for line in told)


def test_what_is_missing_is_a_failure_with_its_mend(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--lake", "lake", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    missing = {each["what"]: each for each in answer["findings"] if each["state"] == MISSING}
    assert answer["missing"] == len(missing)
    assert missing["memory"]["mend"] == "--set lake.memory_gib=2, which spills to disk sooner"
    assert missing["lake"]["told"].startswith("There is no lake at lake")
    assert missing.keys() == {"memory", "lake"}


def test_a_token_that_is_not_there_is_the_users_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--kfp-host", "http://localhost:1", "--token-env", "NO_SUCH_TOKEN"]) == 2
    assert "--token-env NO_SUCH_TOKEN: the environment variable is not set" in capsys.readouterr().err


def test_findings_stand_in_columns_with_what_mends_them_below() -> None:
    findings = [Finding("java", NOTE, "There is none.", "install it"), Finding("python", OK, "3.11")]
    assert list(lines(findings)) == [
        "note     java    There is none.",
        "                 -> install it",
        "ok       python  3.11",
    ]


def test_what_a_check_refuses_is_missing() -> None:
    def refused() -> str:
        raise NotFoundError("There is no lake.")

    assert looked_at("lake", refused, "make one") == Finding("lake", MISSING, "There is no lake.", "make one")
    assert looked_at("lake", lambda: "is there", "make one") == Finding("lake", OK, "is there")
