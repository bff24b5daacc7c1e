"""A manifest is read strictly, and every mistake is told by its field."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossfade.experiments.spec import Experiment, read_experiment
from crossfade.schema.errors import InputError

BUNDLE = "0123456789abcdef"


def manifest() -> dict[str, Any]:
    return {
        "apiVersion": "crossfade.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "radio-flow"},
        "spec": {
            "owner": "radio@example.com",
            "surface": "radio",
            "variants": [
                {"name": "control", "bundle": BUNDLE},
                {"name": "flow", "bundle": BUNDLE, "policy": {"diversity": 0.2}},
            ],
            "ramp": [
                {"shares": {"flow": 0.01}, "minimumDuration": "P1D"},
                {"shares": {"flow": 0.5}, "minimumDuration": "P7D"},
            ],
            "primary": {"name": "plays", "minimumEffect": 0.01},
            "guardrails": [{"name": "skip_rate", "higherIsBetter": False, "margin": 0.02}],
        },
    }


def read(told: object, tmp_path: Path) -> Experiment:
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(told), "utf-8")
    return read_experiment(path)


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    found = read(manifest(), tmp_path)
    assert (found.salt, found.spec.treatments) == ("radio-flow", ("flow",))
    assert found.spec.ramp[1].minimum_duration == timedelta(days=7)
    assert (found.spec.stop.alpha, found.spec.holdout, found.spec.primary.higher_is_better) == (
        0.05,
        0.0,
        True,
    )
    told = manifest()
    told["spec"]["salt"] = "other"
    assert read(told, tmp_path).salt == "other"
    again = found.model_dump(mode="json", by_alias=True)
    assert read(again, tmp_path) == found


def _set(place: str, value: object) -> dict[str, Any]:
    told = manifest()
    *parents, last = place.split(".")
    inner: Any = told
    for part in parents:
        inner = inner[int(part)] if part.isdigit() else inner[part]
    inner[int(last) if last.isdigit() else last] = value
    return told


WRONG = {
    "kind": (_set("kind", "Deployment"), r"kind: Input should be 'Experiment', got 'Deployment'"),
    "unknown key": (_set("spec.metric", "plays"), r"spec\.metric: Extra inputs are not permitted"),
    "name": (_set("metadata.name", "Radio Flow"), r"metadata\.name: String should match .*got 'Radio Flow'"),
    "bundle": (_set("spec.variants.1.bundle", "latest"), r"spec\.variants\.1\.bundle: .*got 'latest'"),
    "one variant": (
        _set("spec.variants", manifest()["spec"]["variants"][:1]),
        r"spec\.variants: .*at least 2",
    ),
    "no ramp": (_set("spec.ramp", []), r"spec\.ramp: .*at least 1"),
    "duration": (_set("spec.ramp.0.minimumDuration", "soon"), r"ramp\.0\.minimumDuration: .*got 'soon'"),
    "control's service": (
        _set("spec.variants.0.service", "grpc://a:1"),
        r"spec: variants\.0\.service: control is answered by the gateway's own recommender",
    ),
    "control's policy": (
        _set("spec.variants.0.policy", {"flow": 3.0}),
        r"spec: variants\.0\.policy: control has its bundle's own",
    ),
    "policy": (
        _set("spec.variants.1.policy", {"diversity": 2}),
        r"spec\.variants\.1\.policy\.diversity: .*less than or equal to 1, got 2",
    ),
    "no policy": (
        _set("spec.variants.1.policy", {}),
        r"spec\.variants\.1\.policy: Dictionary should have at least 1 item",
    ),
    "policy's key": (
        _set("spec.variants.1.policy", {"explore_places": [5]}),
        r"spec\.variants\.1\.policy\.explore_places: Extra inputs are not permitted, got \[5\]",
    ),
    "address": (_set("spec.variants.1.service", "http://a"), r"variants\.1\.service: .*got 'http://a'"),
    "no control": (_set("spec.variants.0.name", "old"), r"spec: variants must be 'control' first"),
    "unnamed": (_set("spec.ramp.0.shares", {"other": 0.1}), r"ramp\.0\.shares must name every treatment"),
    "falling": (
        _set("spec.ramp.1.shares", {"flow": 0.005}),
        r"ramp\.1\.shares must be above 0 and never fall",
    ),
    "nothing": (_set("spec.ramp.0.shares", {"flow": 0.0}), r"ramp\.0\.shares must be above 0"),
    "no control users": (_set("spec.holdout", 0.5), r"ramp\.1\.shares and holdout leave no user to control"),
    "two roles": (
        _set("spec.secondary", [{"name": "plays"}]),
        r"a metric has one role; got \['plays', 'skip_rate', 'plays'\]",
    ),
    "no effect": (_set("spec.primary.minimumEffect", 0), r"primary\.minimumEffect: .*greater than 0, got 0"),
    "alpha": (_set("spec.stop", {"alpha": 1}), r"stop\.alpha: .*less than 1, got 1"),
    "step": (_set("status", {"step": 3}), r"the file: status\.step=3, but the ramp has 2 steps"),
    "query": (
        _set("spec.alarms", [{"name": "slow", "query": "", "atMost": 1}]),
        r"spec\.alarms\.0\.query: .*at least 1 character, got ''",
    ),
    "surface": (_set("spec.surface", "search"), r"spec\.surface: .*got 'search'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_told_by_their_field(name: str, tmp_path: Path) -> None:
    told, words = WRONG[name]
    with pytest.raises(InputError, match=words) as found:
        read(told, tmp_path)
    assert "experiment.yaml is not an Experiment: " in str(found.value)
    assert "\n" not in str(found.value)


def test_what_is_no_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.yaml cannot be read as YAML"):
        read_experiment(tmp_path / "missing.yaml")
    (tmp_path / "bad.yaml").write_text("a: [", "utf-8")
    with pytest.raises(InputError, match=r"bad\.yaml cannot be read as YAML"):
        read_experiment(tmp_path / "bad.yaml")
    with pytest.raises(InputError, match="the file: Input should be a valid dictionary"):
        read([1], tmp_path)
