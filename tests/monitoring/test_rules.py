"""Rules are valid, each is tested for firing and for silence, speaks of metrics that exist, and has its page."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossfade.cli.main import COMMANDS
from crossfade.schema.metrics import METRICS
from monitoring.drift.measures import OF_CHAMPION, OF_LISTENING

ROOT = Path(__file__).parents[2]
RULES = ROOT / "monitoring" / "rules"
FILES = sorted(path.stem for path in RULES.glob("*.yaml"))
NAME = re.compile(r"\bcrossfade_[a-z0-9_:]+")
SUFFIX = re.compile(r"_(bucket|count|sum)$")


def rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(RULES.glob("*.yaml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]


def test_promtool_finds_the_rules_valid_and_their_tests_true() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; run: make system")
    for what, files in (("check", FILES), ("test", [f"tests/{name}" for name in FILES])):
        command = ["promtool", what, "rules", *(f"{file}.yaml" for file in files)]
        done = subprocess.run(command, cwd=RULES, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert all(f"{file}.yaml" in done.stdout + done.stderr for file in files)  # each was looked at


def test_every_alert_is_tested_for_firing_and_for_silence() -> None:
    tested: dict[str, list[bool]] = {}
    for path in (RULES / "tests").glob("*.yaml"):
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            for asked in test["alert_rule_test"]:
                tested.setdefault(asked["alertname"], []).append(bool(asked["exp_alerts"]))
    assert {name: sorted(outcomes) for name, outcomes in tested.items()} == {
        alert["alert"]: [False, True] for alert in ALERTS
    }


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_has_a_page_that_names_its_rule(alert: dict[str, Any]) -> None:
    page = ROOT / alert["annotations"]["runbook_url"]
    text = page.read_text("utf-8")
    assert text.startswith(f"# {alert['alert']}\n")
    assert {"## Look at", "## Do"} <= set(text.splitlines())
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_no_page_is_left_of_an_alert_that_is_gone() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "runbooks").iterdir()}
    assert pages == {alert["alert"] for alert in ALERTS}


def test_pages_name_commands_that_exist() -> None:
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "docs" / "runbooks").iterdir())
    named = set(re.findall(r"`crossfade ([a-z]+)", text))
    assert named
    assert named <= set(COMMANDS)


def test_rules_speak_of_metrics_and_measures_that_exist() -> None:
    known = {metric.name for metric in METRICS} | {rule["record"] for rule in rules() if "record" in rule}
    used = {name for rule in rules() for name in NAME.findall(rule["expr"])}
    assert {SUFFIX.sub("", name) for name in used} <= known
    measures = {measure.name for measure in (*OF_LISTENING, *OF_CHAMPION)}
    for asked in re.findall(r'measure(?:=|=~|!~)"([^"]+)"', " ".join(rule["expr"] for rule in rules())):
        for part in asked.split("|"):
            assert any(re.fullmatch(part, name) for name in measures), part
