"""The committed YAML is what the wiring says, and the wiring says what docs/pipelines.md promises."""

import difflib
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineDeploymentConfig, PipelineSpec

from components.image import IMAGE
from crossfade.cli.compile import PIPELINES, compiled

COMMITTED = Path(__file__).parents[2] / "pipelines" / "compiled"
# Not reused: they look at what KFP's cache cannot see, or write where it does not look.
NOT_REUSED = {
    "refresh-lake", "validate-data", "build-bundle", "find-rival", "find-champion", "promote", "refuse", "report",
    "plan-shards", "generate-shard", "publish", "drift", "step-experiments", "rollout",
}  # fmt: skip


def tasks(name: str) -> dict[str, dict[str, Any]]:
    """Return all tasks of a pipeline by name, those in branches and loops too."""
    spec = yaml.safe_load((COMMITTED / f"{name}.yaml").read_text("utf-8"))
    dags = [part["dag"] for part in (spec["root"], *spec["components"].values()) if "dag" in part]
    return {key: task for dag in dags for key, task in dag["tasks"].items() if "cachingOptions" in task}


def component(task: str) -> str:
    return task.rstrip("-0123456789")


@pytest.mark.parametrize("name", PIPELINES)
def test_committed_yaml_is_what_the_wiring_compiles_to(name: str) -> None:
    old = (COMMITTED / f"{name}.yaml").read_text("utf-8")
    new = compiled(name)
    diff = "\n".join(
        difflib.unified_diff(old.splitlines(), new.splitlines(), "committed", "wiring", lineterm="")
    )
    assert old == new, f"If this is meant, run: crossfade compile -o pipelines/compiled\n{diff}"
    assert compiled(name) == new, "compiling is deterministic"


@pytest.mark.parametrize("name", PIPELINES)
def test_committed_yaml_is_a_pipeline_of_the_spec(name: str) -> None:
    """Of KFP's own messages, which refuse fields that they do not know."""
    spec = ParseDict(yaml.safe_load((COMMITTED / f"{name}.yaml").read_text("utf-8")), PipelineSpec())
    deployment = ParseDict(MessageToDict(spec.deployment_spec), PipelineDeploymentConfig())
    assert (spec.pipeline_info.name, spec.schema_version) == (name, "2.1.0")
    used = {part.executor_label for part in spec.components.values() if part.executor_label}
    assert used == set(deployment.executors)
    with pytest.raises(ParseError, match=r'no field named "rooot"'):
        ParseDict({"rooot": {}}, PipelineSpec())


def test_no_yaml_is_left_of_a_pipeline_that_is_gone() -> None:
    assert sorted(path.stem for path in COMMITTED.iterdir()) == sorted(PIPELINES)


@pytest.mark.parametrize("name", PIPELINES)
def test_every_step_says_what_it_costs_and_is_tried_again(name: str) -> None:
    spec = yaml.safe_load((COMMITTED / f"{name}.yaml").read_text("utf-8"))
    for executor in spec["deploymentSpec"]["executors"].values():
        container = executor["container"]
        assert container["image"] == IMAGE
        assert {"resourceCpuRequest", "resourceMemoryRequest"} <= container["resources"].keys()
    for key, task in tasks(name).items():
        assert task["retryPolicy"]["maxRetryCount"] >= 2, key


@pytest.mark.parametrize("name", PIPELINES)
def test_a_step_is_reused_only_if_its_inputs_tell_all(name: str) -> None:
    reused = {
        component(key) for key, task in tasks(name).items() if task["cachingOptions"].get("enableCache")
    }
    assert reused.isdisjoint(NOT_REUSED)
    assert {component(key) for key in tasks(name)} == reused | {
        component(key) for key in tasks(name)
    } & NOT_REUSED


def test_the_gates_single_outcome_decides() -> None:
    spec = yaml.safe_load((COMMITTED / "training.yaml").read_text("utf-8"))
    branches = spec["components"]["comp-condition-branches-1"]["dag"]["tasks"]
    conditions = [branch["triggerPolicy"]["condition"] for branch in branches.values()]
    promote = "inputs.parameter_values['pipelinechannel--gate-Output'] == 'promote'"
    assert conditions == [promote, f"!({promote})"]
    inside = [
        set(spec["components"][branch["componentRef"]["name"]]["dag"]["tasks"])
        for branch in branches.values()
    ]
    assert inside == [{"train-retrieval-3", "build-bundle-2", "promote", "report"}, {"refuse", "report-2"}]


def test_a_loop_takes_nothing_of_other_tasks_but_its_items() -> None:
    """KFP's local runner gives the loop's item to every parameter that is another task's output."""
    spec = yaml.safe_load((COMMITTED / "weekly.yaml").read_text("utf-8"))
    (loop,) = (task for task in spec["root"]["dag"]["tasks"].values() if "parameterIterator" in task)
    outputs = {
        name for name, source in loop["inputs"]["parameters"].items() if "taskOutputParameter" in source
    }
    assert outputs == {loop["parameterIterator"]["items"]["inputParameter"]}


def test_a_shard_asks_for_the_one_core_that_it_keeps_to() -> None:
    spec = yaml.safe_load((COMMITTED / "weekly.yaml").read_text("utf-8"))
    executor = spec["deploymentSpec"]["executors"]["exec-generate-shard"]
    assert executor["container"]["resources"]["resourceCpuRequest"] == "1"


@pytest.mark.parametrize("name", PIPELINES)
def test_nothing_is_made_of_data_before_it_is_valid(name: str) -> None:
    first = {"drift": "drift", "experiment": "step-experiments"}.get(name, "make-dataset")
    assert "validate-data" in tasks(name)[first]["dependentTasks"]


def test_sources_for_the_ranker_do_not_know_what_it_learns_from() -> None:
    inputs = {key: task["inputs"]["parameters"].get("until") for key, task in tasks("training").items()}
    untils = [inputs[f"train-retrieval{suffix}"]["runtimeValue"]["constant"] for suffix in ("", "-2", "-3")]
    assert untils == ["validation", "test", "end"]
    ranker = tasks("training")["train-ranker"]["inputs"]["artifacts"]["sources"]["taskOutputArtifact"]
    assert ranker["producerTask"] == "train-retrieval"
