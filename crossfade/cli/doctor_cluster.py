"""What a Kubernetes cluster has and lacks, asked through kubectl with the user's own rights."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from crossfade.cli.finding import MISSING, NOTE, OK, Finding
from crossfade.schema.settings import Settings

PATIENCE_SECONDS: Final = 20
OLDEST_KUBECTL: Final = (1, 21)  # the first whose kustomize knows components
CRDS: Final = {"inferenceservices.serving.kserve.io": "KServe, in Standard mode"}
OPTIONAL_CRDS: Final = {
    "experiments.crossfade.dev": "it with the manifests, or manifests/crds/experiments.yaml alone",
    "servicemonitors.monitoring.coreos.com": "the Prometheus operator",
    "podmonitors.monitoring.coreos.com": "the Prometheus operator",
    "prometheusrules.monitoring.coreos.com": "the Prometheus operator",
    "scheduledworkflows.kubeflow.org": "Kubeflow Pipelines, if it is to run in this cluster",
    "scaledobjects.keda.sh": "KEDA",
    "httproutes.gateway.networking.k8s.io": "the Gateway API",
    "scheduledsparkapplications.sparkoperator.k8s.io": "the Spark operator",
    "kafkatopics.kafka.strimzi.io": "Strimzi",
    "externalsecrets.external-secrets.io": "the External Secrets operator",
}
CREATED: Final = (  # what whoever applies the manifests makes
    "inferenceservices.serving.kserve.io",
    "experiments.crossfade.dev",
    "deployments.apps",
    "statefulsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "services",
    "configmaps",
    "serviceaccounts",
    "persistentvolumeclaims",
    "networkpolicies.networking.k8s.io",
    "poddisruptionbudgets.policy",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "namespaces",
    "priorityclasses.scheduling.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
)
# Secrets that the manifests name and nobody makes by applying them.
SECRETS: Final = {"crossfade-keys": "--from-file=keys=lake.user-keys"}
OPTIONAL_SECRETS: Final = {
    "crossfade-receiver": "--from-file=token=FILE, where alerts ask for trainings",
    "crossfade-kubeflow": "--from-file=token=FILE, where trainings are submitted to Kubeflow",
    "crossfade-kafka": "--from-file=client.properties, where events come over Kafka",
    "crossfade-store": "--from-literal=CROSSFADE_STORE_PASSWORD=..., where the store wants a password",
}
PIN: Final = "crossfade champion pin OVERLAY --workspace DIR, and apply the overlay"
PINNED: Final = {  # who may serve one bundle for good, and what names another
    "recommender": PIN,
    "canary": "write a bundle's digest into the ConfigMap crossfade-canary, and apply it",
}
PREDICTORS: Final = ".spec.predictor", ".spec.canary[0].predictor"  # of these, in the same order
ROLLED_OUT: Final = ("inferenceservices.serving.kserve.io", "experiments.crossfade.dev")
ROLLOUT_VERBS: Final = ("list", "patch", "delete")


@dataclass(frozen=True)
class Answer:
    """What kubectl said; `told` is its last line of errors."""

    is_well: bool
    output: str
    told: str


@dataclass(frozen=True)
class Kubectl:
    """kubectl with a context (the current one if empty) and a namespace; it only reads."""

    program: str
    context: str
    namespace: str

    def ask(self, *arguments: str) -> Answer:
        """Run kubectl and wait for it."""
        chosen = ["--context", self.context] if self.context else []
        command = [self.program, *chosen, "--namespace", self.namespace, "--request-timeout=10s", *arguments]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Answer(False, "", str(error))
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return Answer(done.returncode == 0, done.stdout, lines[-1].strip() if lines else "")


def cluster(context: str, namespace: str, settings: Settings) -> Iterator[Finding]:
    """Look at a cluster, and no further where it does not answer.

    Args:
        context: Of the kubeconfig; empty takes the current one.
        namespace: Where Crossfade is or shall be.
        settings: Name volumes, Secrets and the steps' service account.
    """
    program = shutil.which("kubectl")
    if program is None:
        yield Finding("kubectl", MISSING, "There is no kubectl on the PATH.", "install kubectl")
        return
    kubectl = Kubectl(program, context, namespace)
    yield _client(kubectl)
    server = _server(kubectl)
    yield server
    if server.state != OK:
        return
    yield from _crds(kubectl)
    yield _namespace(kubectl)
    yield from _rights(kubectl, settings.steps.service_account)
    yield from _volumes(kubectl, settings)
    yield from _secrets(kubectl, settings)
    yield from _bundles(kubectl)


def _client(kubectl: Kubectl) -> Finding:
    answer = kubectl.ask("version", "--client", "-o", "json")
    try:
        version = json.loads(answer.output)["clientVersion"]
        number = int(version["major"]), int(version["minor"].rstrip("+"))
    except (ValueError, KeyError):
        told = f"{kubectl.program} tells no version. {answer.told}"
        return Finding("kubectl", MISSING, told, "install kubectl anew")
    if number >= OLDEST_KUBECTL:
        return Finding("kubectl", OK, version["gitVersion"])
    oldest = ".".join(map(str, OLDEST_KUBECTL))
    told = f"kubectl is {version['gitVersion']}; manifests with components need {oldest} or newer."
    return Finding("kubectl", MISSING, told, "install a newer kubectl")


def _server(kubectl: Kubectl) -> Finding:
    answer = kubectl.ask("get", "--raw", "/version")
    if answer.is_well:
        return Finding("cluster", OK, f"answers, Kubernetes {json.loads(answer.output)['gitVersion']}")
    mend = "check the network and your credentials, or choose with --context: kubectl config get-contexts"
    return Finding("cluster", MISSING, f"The cluster does not answer: {answer.told}", mend)


def _crds(kubectl: Kubectl) -> Iterator[Finding]:
    answer = kubectl.ask("get", "customresourcedefinitions", "-o", "name")
    if not answer.is_well:
        told = f"Which kinds are installed cannot be seen: {answer.told}"
        yield Finding("kinds", NOTE, told, "ask for the right to list customresourcedefinitions")
        return
    there = {line.rpartition("/")[2] for line in answer.output.split()}
    for name, mend in CRDS.items():
        if name in there:
            yield Finding(f"kind {name}", OK, "installed")
        else:
            yield Finding(f"kind {name}", MISSING, "The cluster does not know it.", f"install: {mend}")
    for name, of in OPTIONAL_CRDS.items():
        if name in there:
            yield Finding(f"kind {name}", OK, "installed")
        else:
            told = "The cluster does not know it; only what is built on it needs it."
            yield Finding(f"kind {name}", NOTE, told, f"install {of}")


def _namespace(kubectl: Kubectl) -> Finding:
    name = kubectl.namespace
    answer = kubectl.ask("get", "namespace", name, "-o", "json")
    if not answer.is_well:
        return Finding("namespace", MISSING, f"{answer.told}", f"kubectl create namespace {name}")
    labels = json.loads(answer.output)["metadata"].get("labels", {})
    enforced = labels.get("pod-security.kubernetes.io/enforce")
    if enforced == "restricted":
        return Finding("namespace", OK, f"{name}, Pod Security restricted")
    told = f"{name} enforces Pod Security {enforced or 'of the cluster'}, not restricted."
    mend = f"kubectl label namespace {name} pod-security.kubernetes.io/enforce=restricted"
    return Finding("namespace", NOTE, told, mend)


def _rights(kubectl: Kubectl, account: str) -> Iterator[Finding]:
    yield _right(kubectl, "rights to apply", [("create", kind) for kind in CREATED])
    if account:
        asked = [(verb, kind) for kind in ROLLED_OUT for verb in ROLLOUT_VERBS]
        name = f"system:serviceaccount:{kubectl.namespace}:{account}"
        yield _right(kubectl, "rights to roll out", [*asked, ("patch", "configmaps")], name)


def _right(kubectl: Kubectl, what: str, asked: list[tuple[str, str]], name: str = "") -> Finding:
    impersonated = ["--as", name] if name else []
    refused = [
        f"{verb} {kind}"
        for verb, kind in asked
        if not kubectl.ask("auth", "can-i", verb, kind, *impersonated).is_well
    ]
    who = name or "you"
    if not refused:
        return Finding(what, OK, f"{who} may do all {len(asked)} things that were asked")
    told = f"{who} may not: {', '.join(refused)}."
    return Finding(what, MISSING, told, f"ask for a Role with these in namespace {kubectl.namespace}")


def _volumes(kubectl: Kubectl, settings: Settings) -> Iterator[Finding]:
    claims = dict.fromkeys([settings.rollout.claim])
    claims |= dict.fromkeys(volume.partition(":")[0] for volume in settings.steps.volumes)
    for claim in claims:
        what = f"claim {claim}"
        answer = kubectl.ask("get", "persistentvolumeclaim", claim, "-o", "jsonpath={.status.phase}")
        if not answer.is_well:
            mend = "the manifests bring it; else mend rollout.claim or steps.volumes"
            yield Finding(what, NOTE, answer.told, mend)
        elif answer.output != "Bound":
            told = f"is {answer.output or 'in no phase'} as yet: no volume belongs to it."
            yield Finding(what, NOTE, told, f"look at its events: kubectl describe pvc {claim}")
        else:
            yield Finding(what, OK, "bound")


def _secrets(kubectl: Kubectl, settings: Settings) -> Iterator[Finding]:
    needed = dict.fromkeys((secret.partition("/")[0] for secret in settings.steps.secrets), "...") | SECRETS
    for name, content in (OPTIONAL_SECRETS | needed).items():
        # Its name only: values are none of our business.
        answer = kubectl.ask("get", "secret", name, "-o", "name")
        if answer.is_well:
            yield Finding(f"secret {name}", OK, "is there")
        else:
            mend = f"kubectl create secret generic {name} {content}"
            yield Finding(f"secret {name}", MISSING if name in needed else NOTE, answer.told, mend)


def _bundles(kubectl: Kubectl) -> Iterator[Finding]:
    """Look at the bundles that the cluster is told to serve; where none is, servers follow the workspace's champion."""
    from crossfade.experiments.pinning import is_filled

    served = dict(zip(PINNED, _addresses(kubectl), strict=False))
    for name, address in served.items():
        digest = address.rpartition("/")[2]
        if is_filled(digest):
            yield Finding(f"bundle of {name}", OK, f"is {digest}")
        elif address:
            told = f"is {digest!r}, which stands for none: no {name} can start."
            yield Finding(f"bundle of {name}", MISSING, told, PINNED[name])
    promoted = kubectl.ask("get", "configmap", "crossfade-champion", "-o", "jsonpath={.data.bundle}").output
    pinned = served.get("recommender", "").rpartition("/")[2]
    if promoted and pinned and promoted != pinned:
        told = (
            f"A rollout promoted {promoted} here, but the recommender serves {pinned}: Git does not know yet."
        )
        yield Finding("promoted bundle", NOTE, told, PIN)


def _addresses(kubectl: Kubectl) -> list[str]:
    """Return STORAGE_URI of the recommender and of its canary, "" where there is none."""
    uri = 'containers[0].env[?(@.name=="STORAGE_URI")].value'
    path = ",".join(f"{{{predictor}.{uri}}}" for predictor in PREDICTORS)
    return kubectl.ask("get", "inferenceservice", "recommender", "-o", f"jsonpath={path}").output.split(",")
