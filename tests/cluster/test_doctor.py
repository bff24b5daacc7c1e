"""`crossfade doctor --cluster` asks a real API server through a real kubectl."""

import os
from pathlib import Path

import pytest

from crossfade.cli.main import main
from tests.cluster import binaries
from tests.cluster.kubernetes import Kubernetes
from tests.manifests.rendering import NAMESPACE

SECRET = "crossfade-keys"


def test_a_cluster_is_well_when_its_secret_is_there(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = Path(binaries.kubectl()).parent
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
    assert main(["doctor", "--cluster"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in told if line.startswith("missing")] == [
        ["missing", "secret", SECRET]
    ]
    assert f"answers, Kubernetes v{binaries.version()}" in "\n".join(told)
    words = ["secret", "generic", SECRET, "--namespace", NAMESPACE, "--from-literal=keys=planted"]
    kubernetes.must("create", *words)
    assert main(["doctor", "--cluster"]) == 0
    assert "planted" not in capsys.readouterr().out
