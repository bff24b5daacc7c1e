"""Every kustomization renders, offline, into objects that Kubernetes and the operators' definitions accept."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.image import IMAGE
from crossfade.experiments.rendering import inference_service
from crossfade.experiments.spec import read_experiment
from crossfade.schema.settings import load_settings
from monitoring.rules.prometheus_rule import prometheus_rule
from tests.manifests.commands import commands, complaint
from tests.manifests.pods import Pod, pods, spark_parts
from tests.manifests.rendering import (
    KUSTOMIZATIONS,
    MANIFESTS,
    NAMESPACE,
    ROOT,
    Object,
    documents,
    kustomize,
    of_kind,
    rendered,
)
from tests.manifests.rules import faults
from tests.manifests.schemas import VERSION, errors, is_core

COMPONENTS = {path.name for path in (MANIFESTS / "components").iterdir()}
FOR_STEPS = ("Deployment/receiver", "--lake=/mnt/crossfade/lake")  # a path that it only tells Kubeflow
PORT_FLAG = re.compile(r"--(?:[a-z]+-)?port=(\d+)")

every_kustomization = pytest.mark.parametrize("name", KUSTOMIZATIONS)


@every_kustomization
def test_kubernetes_own_kinds_fit_their_schemas(name: str) -> None:
    assert [told for thing in rendered(name) if is_core(thing) for told in errors(thing)] == []


@every_kustomization
def test_kinds_of_operators_fit_their_definitions(name: str) -> None:
    assert [told for thing in rendered(name) if not is_core(thing) for told in errors(thing)] == []


@every_kustomization
def test_objects_break_no_rule_of_ours(name: str) -> None:
    assert faults(rendered(name)) == []


@every_kustomization
def test_commands_are_understood_by_their_own_parsers(name: str) -> None:
    wrong = {owner: told for owner, _, words in commands(rendered(name)) if (told := complaint(words))}
    assert wrong == {}


@every_kustomization
def test_ports_are_those_of_the_command_line(name: str) -> None:
    for owner, container, words in commands(rendered(name)):
        if container.get("image", "").startswith("crossfade/"):
            there = {each["containerPort"] for each in container.get("ports", [])}
            assert {int(port) for word in words for port in PORT_FLAG.findall(word)} == there, owner


@every_kustomization
def test_files_that_a_command_names_are_mounted(name: str) -> None:
    for owner, container, words in commands(rendered(name)):
        mounted = [each["mountPath"] for each in container["volumeMounts"]]
        if any(each["name"] == "STORAGE_URI" for each in container.get("env", [])):
            mounted.append("/mnt/models")
        for word in words:
            path = word.partition("=")[2] if word.startswith("--") else word
            if path.startswith("/") and (owner, word) != FOR_STEPS:
                assert any(path == each or path.startswith(f"{each}/") for each in mounted), (owner, word)


def test_every_component_is_rendered_somewhere() -> None:
    used = {name for _, components in KUSTOMIZATIONS.values() for name in components}
    for path in (MANIFESTS / "overlays").glob("*/kustomization.yaml"):
        used |= {Path(each).name for each in yaml.safe_load(path.read_text("utf-8"))["components"]}
    assert used == COMPONENTS


def test_the_root_is_the_laptops_overlay() -> None:
    whole = {(each["kind"], each["metadata"]["name"]): each for each in rendered("root")}
    local = {(each["kind"], each["metadata"]["name"]): each for each in rendered("local")}
    assert whole.keys() == local.keys()
    assert [key for key in whole if whole[key] != local[key]] == [("CronJob", "run-training")]  # the GPU


def test_settings_of_the_cluster_are_read_and_name_what_is_there() -> None:
    settings = load_settings(MANIFESTS / "base" / "platform" / "settings.yaml")
    claims = {each.partition(":")[0] for each in settings.steps.volumes}
    assert claims | {settings.rollout.claim} == set(of_kind(rendered("staging"), "PersistentVolumeClaim"))
    assert {each.partition("/")[0] for each in settings.steps.secrets} == {settings.rollout.keys}


def test_the_laptops_pipelines_run_when_kubeflows_would() -> None:
    runs = of_kind(rendered("root"), "CronJob")
    schedules = load_settings().schedules.model_dump()
    assert {name.removeprefix("run-"): each["spec"]["schedule"] for name, each in runs.items()} == schedules


def predictor(name: str, service: str) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = of_kind(rendered(name), "InferenceService")[service]["spec"]["predictor"]
    return spec


def test_environments_differ_in_what_they_are_for() -> None:
    kinds = {name: {each["kind"] for each in rendered(name)} for name in ("root", "staging", "production")}
    assert {"CronJob", "Job"} <= kinds["root"]
    assert not {"CronJob", "Job"} & (kinds["staging"] | kinds["production"])
    assert {"PrometheusRule", "HTTPRoute", "ExternalSecret"} <= kinds["staging"] & kinds["production"]
    assert {"ScheduledSparkApplication", "KafkaTopic"} <= kinds["production"] - kinds["staging"]
    replicas = {name: predictor(name, "gateway")["minReplicas"] for name in kinds}
    assert replicas == {"root": 1, "staging": 2, "production": 6}
    classes = {
        name: of_kind(rendered(name), "InferenceService")["gateway"]["metadata"]["annotations"].get(
            "serving.kserve.io/autoscalerClass"
        )
        for name in kinds
    }
    assert classes == {"root": None, "staging": None, "production": "keda"}
    hosts = {
        name: of_kind(rendered(name), "Gateway")["crossfade"]["spec"]["listeners"][0]["hostname"]
        for name in ("staging", "production")
    }
    assert hosts == {"staging": "staging.crossfade.example", "production": "crossfade.example"}
    addresses = {
        metric["external"]["metric"]["serverAddress"]
        for service in ("gateway", "recommender")
        for metric in predictor("production", service)["autoScaling"]["metrics"]
    }
    assert addresses == {"http://prometheus-operated.monitoring:9090"}


def test_the_namespace_is_restricted_as_the_schemas_know_it() -> None:
    labels = of_kind(rendered("root"), "Namespace")["crossfade"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["pod-security.kubernetes.io/enforce-version"] == f"v{VERSION}"


def test_versions_stand_in_one_table_and_are_this_releases() -> None:
    table = yaml.safe_load((MANIFESTS / "components" / "versions" / "kustomization.yaml").read_text("utf-8"))
    images = {each["name"]: f"{each['name']}:{each['newTag']}" for each in table["images"]}
    release = IMAGE.rpartition(":")[2]
    assert {image for image in images.values() if image.startswith("crossfade/")} == {
        f"crossfade/{name}:{release}" for name in ("serving", "monitoring", "pipeline", "spark")
    }
    assert load_settings().rollout.image == images["crossfade/serving"]
    others = set()
    for path in MANIFESTS.rglob("*.yaml"):
        others |= set(re.findall(r"image: *[\"']?([^\s\"'}]+)", path.read_text("utf-8")))
    assert others <= set(images)
    every = [rendered(name) for name in KUSTOMIZATIONS]
    used = {each["image"] for objects in every for pod in pods(objects) for each in pod.containers}
    assert used == set(images.values()) - {images["crossfade/spark"]}


def test_the_recommender_serves_the_digest_of_the_overlay() -> None:
    for name in ("staging", "production"):
        (champion,) = documents((MANIFESTS / "overlays" / name / "champion.yaml").read_text("utf-8"))
        (container,) = predictor(name, "recommender")["containers"]
        uri = next(each["value"] for each in container["env"] if each["name"] == "STORAGE_URI")
        assert uri == f"pvc://crossfade-workspace/bundles/{champion['data']['bundle']}"
        applied = of_kind(rendered(name), "ConfigMap")
        assert champion["metadata"]["name"] not in applied, (
            "a rollout's own; two who apply it are in conflict"
        )


def templates(objects: Sequence[Object]) -> dict[str, Mapping[str, Any]]:
    return {pod.owner: pod.spec for pod in pods(objects)}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The manifests, to be changed."""
    ignored = shutil.ignore_patterns("*.py", "__pycache__", "rules", "drift", "exporter", "receiver")
    shutil.copytree(ROOT / "monitoring", tmp_path / "monitoring", ignore=ignored)
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    return tmp_path / "manifests"


def test_a_change_of_settings_rolls_all_pods_that_read_them_and_no_others(copied: Path) -> None:
    path = copied / "base" / "platform" / "settings.yaml"
    path.write_text(path.read_text("utf-8").replace("2000", "1000"), "utf-8")
    before, after = templates(rendered("root")), templates(kustomize(copied / "overlays" / "local"))
    rolled = {owner for owner in before if before[owner] != after[owner]}
    assert rolled == {owner for owner, spec in before.items() if "crossfade-settings" in str(spec)}
    assert {"InferenceService/gateway", "InferenceService/recommender", "Deployment/watch"} <= rolled


def test_another_champion_rolls_the_recommender_alone(copied: Path) -> None:
    path = copied / "overlays" / "staging" / "champion.yaml"
    path.write_text(path.read_text("utf-8").replace("0" * 16, "0123456789abcdef"), "utf-8")
    before, after = templates(rendered("staging")), templates(kustomize(copied / "overlays" / "staging"))
    assert {owner for owner in before if before[owner] != after[owner]} == {"InferenceService/recommender"}


def test_a_canary_is_the_recommender_with_a_bundle_and_an_image_of_its_own() -> None:
    spec = of_kind(rendered("canary"), "InferenceService")["recommender"]["spec"]
    (canary,) = spec["canary"]
    assert canary["trafficPercent"] == 10
    assert canary["predictor"] == spec["predictor"]  # as long as the ConfigMap names the same ones


def test_what_a_rollout_makes_is_let_in_and_reached_as_the_recommender_is() -> None:
    running = read_experiment(MANIFESTS / "experiments" / "radio-bundle.yaml")
    made = inference_service(running, running.spec.variants[1], load_settings().rollout)
    made["metadata"]["namespace"] = NAMESPACE  # as components/rollout says it
    objects = [*rendered("staging"), made]
    assert errors(made) == []
    name = "InferenceService/radio-bundle-challenger"
    assert faults(objects) == [  # KServe's own sizes, until people add theirs, which stay
        f"{name} kserve-container lacks requests or limits",
        f"{name} leaves its limit of cores to KServe, whose own may be below the request",
    ]
    (words,) = [words for owner, _, words in commands(objects) if owner == name]
    assert complaint(words) == ""
    selector = of_kind(objects, "Service")["recommender-grpc"]["spec"]["selector"]
    chosen = [pod.owner for pod in pods(objects) if pod.fits({"matchLabels": selector})]
    assert chosen == ["InferenceService/recommender"], "control's address leads to no treatment"
    theirs, ours = predictor("staging", "recommender"), made["spec"]["predictor"]
    for spec in (theirs, ours):  # it ends as the recommender does, so that neither loses a request
        assert spec["terminationGracePeriodSeconds"] == 40
        assert spec["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}
    plain = load_settings(assignments=['rollout.keys=""']).rollout
    without = inference_service(running, running.spec.variants[1], plain)
    assert "keys" not in str(without["spec"])


def test_the_role_of_a_rollout_names_what_the_rollout_speaks_of() -> None:
    source = (ROOT / "components" / "rollout" / "cluster.py").read_text("utf-8")
    spoken = re.findall(r'Kind\("(?:api|apis/([\w.]+))/\w+", "(\w+)"\)', source)
    rules = of_kind(rendered("staging"), "Role")["rollout"]["rules"]
    assert sorted(spoken) == sorted((each["apiGroups"][0], each["resources"][0]) for each in rules)
    # A server-side apply of what is not there yet is asked for as patch, then as create.
    listed = {tuple(each["verbs"]) for each in rules if "resourceNames" not in each}
    assert listed == {("list", "create", "patch", "delete")}


def test_sparks_driver_and_executors_are_met_by_the_policies() -> None:
    objects = rendered("production")
    policies = of_kind(objects, "NetworkPolicy").values()
    for name, part in spark_parts(objects):
        pod = Pod(name, part["labels"], {"containers": []})
        assert [each["metadata"]["name"] for each in policies if pod.fits(each["spec"]["podSelector"])] == [
            "deny", "dns", "mesh", "spark",
        ]  # fmt: skip


def test_the_prometheus_rule_is_made_of_the_rules() -> None:
    committed = (MANIFESTS / "components" / "prometheus-operator" / "prometheusrule.yaml").read_text("utf-8")
    assert prometheus_rule() == committed, "If this is meant, run: python -m monitoring.rules > ..."


@pytest.mark.parametrize("folder", ["base", "experiments"])
def test_what_overlays_are_made_of_renders_alone(folder: str) -> None:
    objects = kustomize(MANIFESTS / folder)
    assert {each["metadata"].get("namespace", NAMESPACE) for each in objects} == {NAMESPACE}
    assert [told for thing in objects for told in errors(thing)] == []


EXAMPLES = sorted(
    set((MANIFESTS / "experiments").glob("*.yaml")) - {MANIFESTS / "experiments" / "kustomization.yaml"}
)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_of_experiments_are_read_and_fit_the_definition(path: Path) -> None:
    assert read_experiment(path).metadata.name == path.stem
    assert errors(yaml.safe_load(path.read_text("utf-8"))) == []
