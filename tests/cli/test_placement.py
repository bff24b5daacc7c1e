"""Steps on Kubernetes: each is placed as the settings say, in the words of kfp-kubernetes; without any, nothing changes."""

import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf.json_format import MessageToDict, ParseDict
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec.pipeline_spec_pb2 import PlatformSpec

from crossfade.cli.compile import compiled, parameters
from crossfade.cli.main import main
from crossfade.schema.settings import default_settings, parse_settings

PLACED = [
    "steps.volumes=[crossfade-lake:/mnt/crossfade/lake, crossfade-workspace:/mnt/crossfade/workspace]",
    "steps.node_selector=[pool=batch]",
    "steps.tolerations=[pool=batch:NoSchedule, spot:NoExecute]",
    "steps.secrets=[store/password=REDIS_PASSWORD]",
]
ASSIGNMENTS = [part for assignment in PLACED for part in ("--set", assignment)]


def test_every_step_is_placed(tmp_path: Path) -> None:
    assert main(["compile", "drift", *ASSIGNMENTS, "-o", str(tmp_path)]) == 0
    text = (tmp_path / "drift.yaml").read_text("utf-8")
    spec, told = yaml.safe_load_all(text)
    platform = ParseDict(told, PlatformSpec()).platforms["kubernetes"].deployment_spec
    assert set(platform.executors) == set(spec["deploymentSpec"]["executors"])
    for executor in platform.executors.values():
        config = ParseDict(MessageToDict(executor), KubernetesExecutorConfig())
        mounts = {mount.constant: mount.mount_path for mount in config.pvc_mount}
        assert mounts == {
            "crossfade-lake": "/mnt/crossfade/lake",
            "crossfade-workspace": "/mnt/crossfade/workspace",
        }
        assert dict(config.node_selector.labels) == {"pool": "batch"}
        taints = [(taint.key, taint.operator, taint.value, taint.effect) for taint in config.tolerations]
        assert taints == [("pool", "Equal", "batch", "NoSchedule"), ("spot", "Exists", "", "NoExecute")]
        (secret,) = config.secret_as_env
        (key,) = secret.key_to_env
        assert (secret.secret_name, key.secret_key, key.env_var) == ("store", "password", "REDIS_PASSWORD")
    assert parameters(text) == {"lake", "workspace", "settings"}
    assert compiled("drift", steps=default_settings().steps) == compiled("drift"), "others are not moved"


def test_kubernetes_objects_carry_the_placement(tmp_path: Path) -> None:
    assert main(["compile", "drift", "--kubernetes", *ASSIGNMENTS[2:4], "-o", str(tmp_path)]) == 0
    _, version = yaml.safe_load_all((tmp_path / "drift.yaml").read_text("utf-8"))
    executors = version["spec"]["platformSpec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert all(executor == {"nodeSelector": {"labels": {"pool": "batch"}}} for executor in executors.values())


def test_where_steps_run_changes_no_step_of_a_cache() -> None:
    elsewhere = parse_settings("", [*PLACED, "schedules.drift=0 1 * * *", "split.test_days=3"])
    assert elsewhere.of_steps() == parse_settings("", ["split.test_days=3"]).dumps()


def test_a_missing_part_of_kfp_is_told_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import kfp

    monkeypatch.delattr(kfp, "kubernetes", raising=False)
    monkeypatch.setitem(sys.modules, "kfp.kubernetes", None)
    assert main(["compile", "drift", "-o", str(tmp_path)]) == 0
    assert main(["compile", "drift", *ASSIGNMENTS[:2], "-o", str(tmp_path)]) == 1
    assert "kfp-kubernetes is needed here but is not installed; run: pip install 'crossfade[pipelines]'." in (
        capsys.readouterr().err
    )
