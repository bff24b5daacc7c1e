"""What each service account may, asked of a real API server: what it needs, and nothing else."""

from collections.abc import Sequence

import pytest

from tests.cluster.conftest import OTHER
from tests.cluster.kubernetes import Kubernetes
from tests.manifests.rendering import NAMESPACE, of_kind, rendered

ROLLOUT = {
    "inferenceservices.serving.kserve.io [] [] [list create patch delete]",
    "experiments.crossfade.dev [] [] [list create patch delete]",
    "configmaps [] [crossfade-champion] [create patch]",
}
SPARK = {
    "pods [] [] [get list watch create patch delete deletecollection]",
    "configmaps [] [] [get list create delete deletecollection]",
    "persistentvolumeclaims [] [] [get list create delete deletecollection]",
    "services [] [] [get list create delete deletecollection]",
}
KUBEFLOWS = "default-editor"  # as which steps of pipelines run
MAY = {"watch": ROLLOUT, KUBEFLOWS: ROLLOUT, "spark": SPARK}
ACCOUNTS = sorted({"default", KUBEFLOWS, *of_kind(rendered("production"), "ServiceAccount")})


@pytest.fixture(scope="module")
def bound(kubernetes: Kubernetes) -> Kubernetes:
    """A server with the accounts and rights of production."""
    kinds = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
    kubernetes.apply(each for each in rendered("production") if each["kind"] in kinds)
    return kubernetes


@pytest.mark.parametrize("account", ACCOUNTS)
def test_an_account_may_what_it_needs_and_nothing_else(bound: Kubernetes, account: str) -> None:
    nobody = listed(bound, "default", "default")
    assert listed(bound, account, NAMESPACE) - nobody == MAY.get(account, set())
    assert listed(bound, account, OTHER) == nobody, "elsewhere it is nobody"


def listed(kubernetes: Kubernetes, account: str, namespace: str) -> set[str]:
    """Return the rights of one of our accounts in a namespace, as `kubectl auth can-i` lists them."""
    who = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
    head, *lines = kubernetes.must("auth", "can-i", "--list", "--namespace", namespace, who)
    assert head.split()[0] == "Resources"
    return {" ".join(line.split()) for line in lines}


@pytest.mark.parametrize(
    ("account", "words", "answer"),
    [
        ("watch", ["delete", "experiments.crossfade.dev"], "yes"),
        ("watch", ["patch", "configmaps/crossfade-champion"], "yes"),
        ("watch", ["patch", "configmaps/crossfade-settings"], "no"),
        ("watch", ["get", "secrets"], "no"),
        ("watch", ["create", "pods", "--subresource=exec"], "no"),
        ("watch", ["escalate", "roles.rbac.authorization.k8s.io"], "no"),
        ("spark", ["create", "pods"], "yes"),
        ("spark", ["get", "secrets"], "no"),
        ("gateway", ["get", "pods"], "no"),
    ],
)
def test_can_i(bound: Kubernetes, account: str, words: Sequence[str], answer: str) -> None:
    who = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
    assert bound.kubectl("auth", "can-i", *words, "--namespace", NAMESPACE, who).stdout.split() == [answer]
