"""Compiling: YAML for Kubeflow, objects for Kubernetes, the image in both."""

import contextlib
import inspect
import sys
from pathlib import Path

import pytest
import yaml

from components import image
from crossfade.cli.compile import PIPELINES, _short_stacks, compiled, version_name
from crossfade.cli.kubeflow import connect
from crossfade.cli.main import main
from crossfade.schema.errors import MissingExtraError


def images(spec: dict[str, dict[str, dict[str, dict[str, dict[str, str]]]]]) -> set[str]:
    return {executor["container"]["image"] for executor in spec["deploymentSpec"]["executors"].values()}


def test_all_pipelines_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "-o", str(tmp_path / "yaml")]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "yaml" / f"{name}.yaml") for name in PIPELINES]
    for name in PIPELINES:
        spec = yaml.safe_load((tmp_path / "yaml" / f"{name}.yaml").read_text())
        assert spec["pipelineInfo"]["name"] == name
        assert images(spec) == {image.IMAGE}


def test_the_image_can_be_chosen(tmp_path: Path) -> None:
    assert main(["compile", "weekly", "--image", "mine:1", "-o", str(tmp_path)]) == 0
    assert images(yaml.safe_load((tmp_path / "weekly.yaml").read_text())) == {"mine:1"}
    assert [path.name for path in tmp_path.iterdir()] == ["weekly.yaml"]


def test_kubernetes_objects_name_the_version_by_content(tmp_path: Path) -> None:
    command = ["compile", "training", "--kubernetes", "--namespace", "music", "-o", str(tmp_path)]
    assert main(command) == 0
    pipeline, version = yaml.safe_load_all((tmp_path / "training.yaml").read_text())
    name = version_name(compiled("training", image.stamped_image()))
    assert (pipeline["kind"], pipeline["metadata"]) == (
        "Pipeline", {"name": "crossfade-training", "namespace": "music"},
    )  # fmt: skip
    assert (version["kind"], version["metadata"]["name"]) == ("PipelineVersion", f"crossfade-training-{name}")
    assert version["spec"]["pipelineName"] == "crossfade-training"
    assert images(version["spec"]["pipelineSpec"]) == {image.stamped_image()}


def test_unknown_pipelines_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "dally", "-o", str(tmp_path)]) == 2
    assert "'dally' is not one of 'training', 'weekly'" in capsys.readouterr().err


def test_a_missing_kfp_is_told_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("kfp", "kfp.compiler"):
        monkeypatch.setitem(sys.modules, module, None)
    assert main(["compile", "-o", str(tmp_path)]) == 1
    assert "kfp is needed here" in capsys.readouterr().err
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'crossfade\[pipelines\]'"),
        connect("http://localhost", None, None),
    ):
        pass


def test_kfp_is_told_who_calls_it() -> None:
    """KFP names the method that was called on a task that runs no container, and looks like itself afterwards."""
    from kfp.dsl import pipeline_task

    task = object.__new__(pipeline_task.PipelineTask)
    task.container_spec, task.state = None, pipeline_task.TaskState.FUTURE
    for quick in (True, False):
        with _short_stacks() if quick else contextlib.nullcontext():
            assert (pipeline_task.inspect is inspect) is not quick
            with pytest.raises(ValueError, match="set_cpu_limit can only be used on single-step components"):
                task.set_cpu_limit("1")
