"""A cluster, looked at through a stand-in for kubectl on the PATH that answers from files."""

import json
import re
from pathlib import Path

import pytest
import yaml

from components.rollout import cluster as rollout
from crossfade.cli import doctor_cluster as doctor
from crossfade.cli.finding import MISSING, NOTE, OK, Finding
from crossfade.cli.main import main
from crossfade.schema.settings import parse_settings

ROOT = Path(__file__).parents[2]
PLACED = (
    "steps.service_account=steps",
    "steps.volumes=[lake:/lake]",
    "steps.secrets=[store/password=P, store/user=U]",
)
PLACE = "pvc://crossfade-workspace/bundles"
# Files of the stand-in's folder are its answers; what is not there is not in the cluster.
KUBECTL = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/asked"
[ "$1" = --context ] && shift 2
shift 3
answer() { cat "$here/$1" 2>/dev/null && exit; echo "$2" >&2; exit 1; }
case "$1 $2" in
"version --client") answer client "broken" ;;
"get --raw") answer server "Unable to connect to the server: connection refused" ;;
"get customresourcedefinitions") answer crds "Error from server (Forbidden): not yours" ;;
"auth can-i") ! grep -qx "$3 $4 *$6" "$here/refused" ;;
*) answer "$2-$3" "Error from server (NotFound): $2 $3 not found" ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cluster that has everything; tests take something away."""
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    version = {"major": "1", "minor": "31+", "gitVersion": "v1.31.2"}
    (tmp_path / "client").write_text(json.dumps({"clientVersion": version}))
    (tmp_path / "server").write_text(json.dumps(version))
    kinds = [*doctor.CRDS, *doctor.OPTIONAL_CRDS]
    (tmp_path / "crds").write_text(
        "".join(f"customresourcedefinition.apiextensions.k8s.io/{name}\n" for name in kinds)
    )
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    (tmp_path / "namespace-crossfade").write_text(json.dumps({"metadata": {"labels": labels}}))
    (tmp_path / "refused").touch()
    for claim in ("crossfade-workspace", "lake"):
        (tmp_path / f"persistentvolumeclaim-{claim}").write_text("Bound")
    (tmp_path / "inferenceservice-recommender").write_text(f"{PLACE}/0123456789abcdef,")
    for secret in ("store", *doctor.SECRETS, *doctor.OPTIONAL_SECRETS):
        (tmp_path / f"secret-{secret}").write_text(f"secret/{secret}")
    return tmp_path


def found(context: str = "") -> dict[str, Finding]:
    return {each.what: each for each in doctor.cluster(context, "crossfade", parse_settings("", PLACED))}


def wrong() -> dict[str, Finding]:
    return {what: finding for what, finding in found().items() if finding.state != OK}


def test_a_cluster_that_has_everything_is_well(kubectl: Path) -> None:
    findings = found(context="kind")
    assert {finding.state for finding in findings.values()} == {OK}
    assert findings["cluster"].told == "answers, Kubernetes v1.31.2"
    asked = (kubectl / "asked").read_text().splitlines()
    assert all(
        line.startswith("--context kind --namespace crossfade --request-timeout=10s ") for line in asked
    )
    assert {line.split()[5] for line in asked} == {"version", "get", "auth"}, "it only reads"
    (secret,) = [line for line in asked if " secret store " in line]
    assert secret.endswith("get secret store -o name"), "of two keys, and looked at once, by name"


def test_what_the_cluster_lacks_is_told_with_its_mend(kubectl: Path) -> None:
    (kubectl / "crds").write_text("customresourcedefinition.apiextensions.k8s.io/experiments.crossfade.dev\n")
    (kubectl / "persistentvolumeclaim-lake").unlink()
    (kubectl / "persistentvolumeclaim-crossfade-workspace").write_text("Pending")
    (kubectl / "secret-store").unlink()
    (kubectl / "secret-crossfade-keys").unlink()
    (kubectl / "secret-crossfade-kafka").unlink()
    (kubectl / "namespace-crossfade").unlink()
    account = "system:serviceaccount:crossfade:steps"
    (kubectl / "refused").write_text(
        f"create networkpolicies.networking.k8s.io \npatch configmaps {account}\n"
    )
    findings = wrong()
    assert {what for what, each in findings.items() if each.state == NOTE} == {
        *(f"kind {name}" for name in doctor.OPTIONAL_CRDS if name != "experiments.crossfade.dev"), "claim crossfade-workspace",
        "claim lake", "secret crossfade-kafka",
    }  # fmt: skip
    assert (
        findings.pop("kind inferenceservices.serving.kserve.io").mend == "install: KServe, in Standard mode"
    )
    told = {what: (each.told, each.mend) for what, each in findings.items() if each.state == MISSING}
    asks = "ask for a Role with these in namespace crossfade"
    assert told == {
        "namespace": (
            "Error from server (NotFound): namespace crossfade not found", "kubectl create namespace crossfade",
        ),
        "rights to apply": ("you may not: create networkpolicies.networking.k8s.io.", asks),
        "rights to roll out": (f"{account} may not: patch configmaps.", asks),
        "secret store": (
            "Error from server (NotFound): secret store not found", "kubectl create secret generic store ...",
        ),
        "secret crossfade-keys": (
            "Error from server (NotFound): secret crossfade-keys not found",
            "kubectl create secret generic crossfade-keys --from-file=keys=lake.user-keys",
        ),
    }  # fmt: skip


def test_pod_security_and_hidden_kinds_are_noted(kubectl: Path) -> None:
    (kubectl / "namespace-crossfade").write_text('{"metadata": {}}')
    (kubectl / "crds").unlink()
    assert {what: each.told for what, each in wrong().items()} == {
        "namespace": "crossfade enforces Pod Security of the cluster, not restricted.",
        "kinds": "Which kinds are installed cannot be seen: Error from server (Forbidden): not yours",
    }


@pytest.mark.parametrize(
    ("file", "content", "last"),
    [
        ("server", None, "The cluster does not answer: Unable to connect to the server: connection refused"),
        ("client", None, "kubectl tells no version. broken"),
        (
            "client",
            '{"clientVersion": {"major": "1", "minor": "20", "gitVersion": "v1.20.2"}}',
            "v1.20.2; manifests",
        ),
        ("kubectl", None, "There is no kubectl on the PATH."),
    ],
)
def test_what_kubectl_cannot_do_is_told_once(
    kubectl: Path, file: str, content: str | None, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kubectl / file).unlink()
    if content:
        (kubectl / file).write_text(content)
    if file == "kubectl":
        monkeypatch.setenv("PATH", str(kubectl))
    findings = wrong()
    assert any(last in finding.told for finding in findings.values())
    assert len(findings) == 1


def test_a_program_that_hangs_is_told(kubectl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kubectl / "kubectl").write_text("#!/bin/sh\nexec sleep 5\n")
    monkeypatch.setattr(doctor, "PATIENCE_SECONDS", 0.1)
    assert "timed out after 0.1 seconds" in wrong()["kubectl"].told


def test_a_bundle_that_was_never_filled_in_is_missing(kubectl: Path) -> None:
    assert found()["bundle of recommender"].told == "is 0123456789abcdef"
    (kubectl / "inferenceservice-recommender").write_text(f"{PLACE}/{'0' * 16},{PLACE}/")
    told = {what: (each.state, each.told) for what, each in wrong().items()}
    assert told == {
        "bundle of recommender": (
            MISSING, "is '0000000000000000', which stands for none: no recommender can start.",
        ),
        "bundle of canary": (MISSING, "is '', which stands for none: no canary can start."),
    }  # fmt: skip
    assert wrong()["bundle of recommender"].mend.startswith("crossfade champion pin OVERLAY")


def test_a_promotion_that_git_does_not_know_is_told(kubectl: Path) -> None:
    for promoted, told in (("0123456789abcdef", []), ("fedcba9876543210", ["promoted bundle"])):
        (kubectl / "configmap-crossfade-champion").write_text(promoted)
        assert [*wrong()] == told
    finding = wrong()["promoted bundle"]
    assert (finding.state, finding.mend) == (NOTE, doctor.PIN)
    assert "promoted fedcba9876543210 here, but the recommender serves 0123456789abcdef" in finding.told
    (kubectl / "inferenceservice-recommender").write_text(",")
    assert wrong() == {}, "it follows the workspace"


def test_an_overlay_is_looked_at_before_the_cluster(
    kubectl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = ROOT / "manifests" / "overlays" / "staging"
    assert main(["doctor", "--cluster", "--overlay", str(overlay)]) == 1
    first, mend, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("missing  overlay")
    assert mend.strip() == f"-> crossfade champion pin {overlay} --workspace DIR"


def test_the_command_tells_of_the_cluster(kubectl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (kubectl / "refused").write_text("create services \n")
    assert main(["doctor", "--cluster"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "1 missing"
    assert [line.split()[:3] for line in told if line.startswith("missing")] == [["missing", "rights", "to"]]
    (kubectl / "refused").write_text("")
    assert main(["doctor", "--cluster", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["missing"] == 0


def test_the_rights_are_those_that_a_rollout_uses() -> None:
    kinds = [f"{kind.plural}.{kind.base.split('/')[1]}" for kind in rollout.FOLDERS.values()]
    assert set(doctor.ROLLED_OUT) == set(kinds)


def test_the_kind_of_experiments_is_the_manifests() -> None:
    path = ROOT / "manifests" / "crds" / "experiments.yaml"
    assert yaml.safe_load(path.read_text("utf-8"))["metadata"]["name"] in doctor.OPTIONAL_CRDS
    assert str(path.relative_to(ROOT)) in doctor.OPTIONAL_CRDS["experiments.crossfade.dev"]


def test_the_rights_to_apply_are_those_of_the_manifests_kinds() -> None:
    plurals = {right.partition(".")[0] for right in doctor.CREATED}
    kinds = {
        document["kind"].lower()
        for folder in ("base", "crds", "overlays/local")
        for path in (ROOT / "manifests" / folder).rglob("*.yaml")
        for document in yaml.safe_load_all(path.read_text("utf-8"))
        if isinstance(document, dict)
        and document.get("apiVersion", "").partition("/")[0] != "kustomize.config.k8s.io"
        if "kind" in document and "metadata" in document
    }
    assert "customresourcedefinition" in kinds
    assert {re.sub(r"y$", "ie", re.sub(r"ss$", "sse", kind)) + "s" for kind in kinds} <= plurals


def test_the_secrets_are_those_that_manifests_name() -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "manifests" / "base").rglob("*.yaml")]
    named = set(re.findall(r"(?:secretName: |secretKeyRef: \{name: )([\w-]+)", "\n".join(texts)))
    assert named <= doctor.SECRETS.keys() | doctor.OPTIONAL_SECRETS.keys()
