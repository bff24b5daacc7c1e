"""`crossfade experiment` on a lake with exposures of two variants, one of which makes people play more."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from components.step_experiments.component import step_experiments
from crossfade.cli.experiment import experiment_group
from crossfade.cli.main import main
from crossfade.experiments.assignment import bucket
from crossfade.experiments.history import History
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import load_settings
from tests.cli import exposed
from tests.cli.exposed import USERS
from tests.experiments.rollouts import OTHER, RecordingRegistry
from tests.experiments.test_spec import BUNDLE, manifest


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exposed.made(tmp_path_factory.mktemp("experiment"))


def _written(folder: Path, **changes: Any) -> Path:
    told = manifest()
    told["spec"] |= {
        "primary": {"name": "plays", "minimumEffect": 0.1},
        "guardrails": [{"name": "skip_rate", "higherIsBetter": False, "margin": 0.3}],
        "secondary": [{"name": "positive_plays"}, {"name": "saves"}],
        "ramp": [{"shares": {"flow": 0.5}, "minimumDuration": "PT1H"}],
        "stop": {"minimumUsers": 100},
        **changes,
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(told), "utf-8")
    return path


def _run(*words: object) -> Result:
    return CliRunner().invoke(experiment_group, [str(word) for word in words], catch_exceptions=False)


def _status(lake: Path, path: Path, *more: object) -> Result:
    return _run("status", path, "--lake", lake, "--began", "2026-03-02", *more)


def test_a_variant_that_makes_people_play_more_is_promoted(lake: Path, tmp_path: Path) -> None:
    told = json.loads(_status(lake, _written(tmp_path), "--json").stdout)
    assert told["users"] == {"control": USERS // 2, "flow": USERS // 2}
    assert told["of_several_variants"] == 1
    plays = told["effects"]["plays"]["flow"]
    assert plays["estimate"] == pytest.approx(1.0, abs=0.05)  # twice as many
    assert 0 < plays["low"] < 1 < plays["high"]
    assert told["effects"]["saves"]["flow"] == dict.fromkeys(
        ("estimate", "low", "high", "adjusted_p_value")
    )  # nobody saves
    assert told["effects"]["positive_plays"]["flow"]["adjusted_p_value"] < 0.05
    assert (told["action"], told["treatment"]) == ("promote", "flow")


def test_people_get_lines(lake: Path, tmp_path: Path) -> None:
    path = _written(tmp_path, ramp=[{"shares": {"flow": 0.3}, "minimumDuration": "PT1H"}])
    lines = _status(lake, path).stdout.splitlines()
    assert lines[:2] == [
        "radio-flow: users control 150, flow 150",
        "1 users saw more than one variant and are left out",
    ]
    assert "saves  flow  not known" in lines
    assert lines[-1].startswith(
        "hold: The variants have [150, 150] users where [0.7, 0.3] of them were allocated"
    )


def test_a_plan_counts_the_users_of_the_past(lake: Path, tmp_path: Path) -> None:
    words = ("plan", _written(tmp_path), "--lake", lake, "--days", 14)
    told = json.loads(_run(*words, "--json").stdout)
    assert told["users_a_period"] == USERS
    assert told["mean"] == pytest.approx(14, abs=0.1)  # 5 before and 9 after on average
    lines = _run(*words).stdout.splitlines()
    assert lines[0].startswith("plays: 14")
    assert "users of the smallest treatment" in lines[1]


def test_mistakes_are_one_line(lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _written(tmp_path)
    asked = ["experiment", "status", str(path), "--lake", str(lake), "--began", "2026-03-02"]
    told = yaml.safe_load(path.read_text())

    def said(change: Any, *more: str) -> str:
        path.write_text(yaml.safe_dump(change), "utf-8")
        assert main([*asked, *more]) == 2
        return capsys.readouterr().err

    assert said(told, "--step", "2") == f"error: --step 2: {path} has 1 steps; number them from 1.\n"
    renamed = told | {"metadata": {"name": "other"}}
    assert "nobody was shown experiment 'other'; import the gateway's exposures" in said(renamed)
    foreign = yaml.safe_load(yaml.safe_dump(told).replace("flow", "pace").replace("radio-pace", "radio-flow"))
    assert "variant 'flow' of experiment 'radio-flow' was shown, which the manifest does not have" in said(
        foreign
    )
    joy = yaml.safe_load(yaml.safe_dump(told))
    joy["spec"]["primary"]["name"] = "joy"
    assert "Metric 'joy' does not exist" in said(joy)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr("crossfade.experiments.installation.Registry", RecordingRegistry)
    made = Workspace.create(tmp_path / "workspace")
    for digest in (BUNDLE, OTHER):
        (made.bundles / digest).mkdir()
    made.promote(BUNDLE, reason="First.", run_id="r", evaluation={})
    return made


def _manifest(folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    variants = [{"name": "control", "bundle": BUNDLE}, {"name": "flow", "bundle": OTHER}]
    return _written(folder, variants=variants, **changes)


def _began_in_the_past(path: Path) -> None:
    """Let an experiment have begun before its exposures."""
    text = path.read_text("utf-8")
    now = json.loads(text.splitlines()[0])["time"]
    path.write_text(text.replace(now, "2026-03-02T00:00:00+00:00"), "utf-8")


def _step(workspace: Workspace, path: Path, *more: object) -> dict[str, Any]:
    words = ["step", path, "--workspace", workspace.path, "--json", *more]
    answer = CliRunner().invoke(experiment_group, [str(word) for word in words], catch_exceptions=False)
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


def test_a_better_variant_becomes_champion_in_two_steps(
    workspace: Workspace, lake: Path, tmp_path: Path
) -> None:
    path = _manifest(tmp_path)
    assert _step(workspace, path, "--lake", lake)["action"] == "begin"
    running = yaml.safe_load((workspace.rollout / "experiments" / "radio-flow.yaml").read_text("utf-8"))
    assert running["status"] == {"step": 1}
    _began_in_the_past(workspace.rollout / "history" / "radio-flow.jsonl")
    promoted = _step(workspace, path, "--lake", lake)
    assert (promoted["action"], promoted["treatment"]) == ("promote", "flow")
    assert promoted["seen"]["users"] == {"control": 150, "flow": 150}
    assert workspace.champion_digest() == OTHER


def test_what_has_ended_is_not_looked_at_again_but_the_holdout_stays_readable(
    workspace: Workspace, lake: Path, tmp_path: Path
) -> None:
    path = _manifest(workspace.experiments, holdout=0.3)
    _step(workspace, path, "--lake", lake)
    log = workspace.rollout / "history" / "radio-flow.jsonl"
    _began_in_the_past(log)
    seen = _step(workspace, path, "--lake", lake)["seen"]
    assert seen["action"] == "hold"  # half and half were shown, which is not what the holdout leaves
    _step(workspace, path, "--roll-back", "Enough.")
    whole = log.read_bytes()
    words = ("status", path, "--lake", lake, "--rollout", workspace.rollout)
    told = json.loads(_run(*words, "--json").stdout)
    assert {name: told[name] for name in ("users", "effects", "last")} == {
        name: seen[name] for name in ("users", "effects", "last")
    }
    assert (told["action"], told["reasons"]) == ("roll back", ["Enough."])

    # Listeners in the first 3,000 buckets are held out; all played the same before, so plain means are compared.
    plays = {f"u{n}": (5 + n // 2 % 3) * (1 + n % 2) for n in range(USERS)}
    held = [count for user, count in plays.items() if bucket("radio-flow/holdout", user) < 3000]
    others = [count for user, count in plays.items() if bucket("radio-flow/holdout", user) >= 3000]
    assert told["holdout"]["users"] == {"held_out": len(held), "others": len(others)}
    effect = told["holdout"]["effects"]["plays"]
    assert effect["estimate"] == pytest.approx(
        sum(others) / len(others) / (sum(held) / len(held)) - 1, abs=0.02
    )
    assert effect["low"] < effect["estimate"] < effect["high"]

    page = tmp_path / "page.html"
    lines = _run(*words, "--report", page).stdout.splitlines()
    assert f"against the holdout: {len(held)} users held out, {len(others)} not" in lines
    assert lines[-1] == f"ended on {told['ended'][:10]}, roll back: Enough."
    text = page.read_text("utf-8")
    assert "Ended: roll back" in text
    assert f"{len(held)} listeners were held out of experiments, {len(others)} were not." in text

    answer = _run("step", path, "--workspace", workspace.path, "--lake", lake)
    assert answer.stdout == f"radio-flow: ended on {told['ended'][:10]}, roll back, step 1\n  Enough.\n"
    assert step_experiments.python_func(str(lake), str(workspace.path), load_settings().dumps()) == 0
    assert log.read_bytes() == whole


def test_who_ended_before_anybody_looked_has_nothing_to_draw(
    workspace: Workspace, lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _manifest(tmp_path)
    _step(workspace, path, "--lake", lake)
    _step(workspace, path, "--roll-back", "Noise.")
    words = ["experiment", "status", str(path), "--lake", str(lake), "--rollout", str(workspace.rollout)]
    assert main([*words, "--report", str(tmp_path / "page.html")]) == 2
    said = capsys.readouterr()
    assert said.out.startswith("radio-flow: nobody was looked at\nended on ")
    assert "radio-flow ended before anybody looked at it, so there is nothing to draw. Noise." in said.err


def test_a_workspace_steps_all_its_experiments_and_tells_of_those_that_cannot(
    workspace: Workspace,
    lake: Path,
) -> None:
    path = _manifest(workspace.experiments)
    settings = load_settings().dumps()
    assert step_experiments.python_func(str(lake), str(workspace.path), settings) == 1
    path.rename(path.with_name("b.yaml"))
    (workspace.experiments / "a.yaml").write_text("kind: Other", "utf-8")
    with pytest.raises(
        Exception, match=r"1 experiments could not be stepped: .*a\.yaml is not an Experiment"
    ):
        step_experiments.python_func(str(lake), str(workspace.path), settings)
    lines = History(workspace.rollout / "history" / "radio-flow.jsonl").lines()
    assert [line.action for line in lines[::2]] == ["begin", "hold"]
    assert "nobody was shown experiment 'radio-flow'" in lines[2].reasons[0]  # since it began, which is now


def test_a_person_and_an_alarm_roll_back(
    workspace: Workspace,
    lake: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = _manifest(tmp_path)
    words = ["experiment", "step", str(path), "--workspace", str(workspace.path)]
    assert main([*words, "--roll-back", "Noise."]) == 0
    assert capsys.readouterr().out == "radio-flow: nothing to do\n"
    assert main([*words, "--lake", str(lake)]) == 0
    assert main([*words, "--roll-back", "Noise."]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["radio-flow: roll back, step 1", "  Noise."]
    assert list((workspace.rollout / "experiments").iterdir()) == []


def test_one_way_to_decide_must_be_chosen(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["experiment", "step", str(_manifest(tmp_path)), "--workspace", str(workspace.path)]
    assert main(words) == 2
    assert "Choose one of --lake, --guardrails-only, --roll-back; got none." in capsys.readouterr().err
    assert main([*words, "--guardrails-only"]) == 2
    assert "--guardrails-only needs --prometheus URL." in capsys.readouterr().err
    assert main([*words, "--guardrails-only", "--prometheus", "localhost"]) == 2
    assert "'localhost' is no address" in capsys.readouterr().err


def test_the_report_shows_effects_guardrails_cohorts_and_history(
    workspace: Workspace, lake: Path, tmp_path: Path
) -> None:
    path = _manifest(tmp_path, ramp=[{"shares": {"flow": 0.5}, "minimumDuration": "P30D"}])
    for _ in range(2):
        _step(workspace, path, "--lake", lake)
        _began_in_the_past(workspace.rollout / "history" / "radio-flow.jsonl")
    page = tmp_path / "page.html"
    answer = _run("status", path, "--lake", lake, "--rollout", workspace.rollout, "--report", page)
    assert answer.stdout.splitlines()[-2].startswith("hold: Step 1 of 1 has not lasted"), answer.stdout
    text = page.read_text("utf-8")
    assert "<h1>Experiment radio-flow</h1>" in text
    assert text.count("<svg") == 2
    assert '>plays</th><td>flow</td><td class="number"><span class="mark good">+100.' in text
    assert '<span class="mark good">safe</span>' in text
    assert "up to 5 plays before" in text  # all played 5 tracks before
    assert "The experiment begins with step 1 of 1." in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    _run("status", path, "--lake", lake, "--rollout", workspace.rollout, "--report", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text("utf-8") == text
