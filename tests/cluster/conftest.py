"""One API server for all tests of a process, with the definitions of all kinds and the namespaces that the manifests name."""

from collections.abc import Iterator

import pytest

from benchmarks.monitoring_servers import wait_for
from tests.cluster import binaries
from tests.cluster.kubernetes import Kubernetes, running
from tests.manifests.rendering import MANIFESTS, NAMESPACE, of_kind, rendered
from tests.manifests.schemas import DEFINITIONS

OTHER = "kafka"  # where Strimzi's topics are


@pytest.fixture(scope="session")
def kubernetes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubernetes]:
    """Skips the test where nobody asks for it, or no API server can run."""
    if not request.config.getoption("--kubernetes"):
        pytest.skip("a real API server takes half a minute of two cores; run: make test-kubernetes")
    if reason := binaries.why_not():
        pytest.skip(reason)
    if not DEFINITIONS.is_dir():
        pytest.skip("the definitions of KServe and others are not there (../shared/crds)")
    with running(tmp_path_factory.mktemp("kubernetes")) as server:
        words = [
            word
            for folder in (DEFINITIONS, MANIFESTS / "crds" / "experiments.yaml")
            for word in ("-f", str(folder))
        ]
        server.must("apply", "--server-side", *words)
        words = ["wait", "--for=condition=Established", "crd", "--all"]
        # What is so new that it has no condition yet is an error to kubectl.
        wait_for("all kinds", lambda: server.kubectl(*words).returncode == 0)
        server.apply([of_kind(rendered("root"), "Namespace")[NAMESPACE]])
        server.must("create", "namespace", OTHER)
        for namespace in (NAMESPACE, OTHER):  # elsewhere a controller does this
            server.must("create", "serviceaccount", "default", "--namespace", namespace)
        yield server
