"""The Dockerfile is held to the code without a builder: targets, sources, extras, user, labels, commands of manifests."""

import ast
import fnmatch
import re
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from benchmarks.images import image_extras
from components.image import IMAGE, REPOSITORY
from crossfade.schema.code import VERSION
from crossfade.schema.memory import with_huge_pages
from crossfade.schema.settings import default_settings
from tests.containers.dockerfile import ROOT, lineage, stages, texts
from tests.test_architecture import MODULES, component_files, imports_of, parsed

STANDARD = sys.stdlib_module_names
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
# Each image, and the modules that run in it.
IMAGES = {
    "pipeline": sorted(name for file in component_files() for name in imports_of(file) if name in MODULES),
    "serving": ["serving.recommender.__main__", "serving.gateway.__main__"],
    "monitoring": ["monitoring.receiver.__main__", "monitoring.exporter.__main__", "crossfade.cli.kubeflow"],
    "spark": [
        "crossfade.cli.main",
        "crossfade.lake.build",
        "crossfade.lake.engine_spark",
        "crossfade.store.shards_spark",
    ],
}
EXTRAS = image_extras()
DISTRIBUTIONS = {
    "fastapi": "kserve",
    "google": "kfp",
    "grpc": "grpcio",
    "ibis": "ibis-framework",
    "kfp_server_api": "kfp",
    "py4j": "pyspark",
    "pydantic_core": "pydantic",
    "urllib3": "kfp",
    "yaml": "pyyaml",
}  # of imports that are called otherwise, or come with another package


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_a_target_that_runs_without_rights(image: str) -> None:
    chain = lineage(image)
    assert [stage.name for stage in chain] == [image, "runtime"]
    users = texts(chain[:1], "USER")[-1:] or texts(chain, "USER")
    (number, group) = users[-1].split(":")
    assert (int(number), int(group)) == (10001, 10001)
    made = " ".join(texts(chain, "RUN"))
    assert f"--uid {number}" in made, "Spark asks for the user's name"
    assert not re.search(r"\b(pip|gcc|g\+\+|build-essential)\b", made), (
        "nothing is compiled in what is shipped"
    )
    assert made.count("apt-get install") == made.count("rm -rf /var/lib/apt/lists/*"), "no cache is left"
    (copied,) = [text for text in texts(chain, "COPY") if text.startswith("--from")]
    assert copied == f"--from=build-{image} /opt/crossfade /opt/crossfade"
    homes = dict(part.split("=", 1) for text in texts(chain, "ENV") for part in text.split())
    for name in ("HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"):
        assert homes[name].startswith("/tmp"), "the only place that is written to"
    assert (with_huge_pages({}).items() <= homes.items()) == (image in {"pipeline", "spark"}), (
        "where batches run"
    )
    assert homes["CROSSFADE_REVISION"] == "${REVISION}"


@pytest.mark.parametrize("image", IMAGES)
def test_labels_tell_version_and_revision(image: str) -> None:
    stage = stages()[image]
    (label,) = texts([stage], "LABEL")
    told = dict(re.findall(r"org\.opencontainers\.image\.(\w+)=(\S+)", label))
    assert told == {
        "title": f'"crossfade/{image}"', "licenses": '"Apache-2.0"', "version": "${VERSION}", "revision": "${REVISION}",
    }  # fmt: skip
    words = [each.word for each in stage.instructions]
    assert words.index("ARG") > max(n for n, word in enumerate(words) if word == "COPY"), (
        "another revision copies nothing anew"
    )


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_the_extras_that_its_modules_import(image: str) -> None:
    extras = EXTRAS[image]
    known = PROJECT["project"]["optional-dependencies"]
    assert set(extras) <= known.keys()
    given = [*PROJECT["project"]["dependencies"], *(name for extra in extras for name in known[extra])]
    names = {re.split(r"[\[<>=]", name)[0] for name in given}
    needed = {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in imported(IMAGES[image])}
    assert needed <= names, f"{image} lacks {needed - names}"


def test_only_what_trains_has_tensorflow() -> None:
    known = PROJECT["project"]["optional-dependencies"]
    has = {image: {name for extra in EXTRAS[image] for name in known[extra]} for image in IMAGES}
    assert [image for image, names in has.items() if "tensorflow" in names] == ["pipeline"]
    recommends = ("pipeline", "serving", "spark")  # Spark makes the shards of weekly batches, too
    assert all({"lightgbm", "catboost", "scann"} <= has[image] for image in recommends)


@pytest.mark.parametrize("image", IMAGES)
def test_versions_are_held_by_the_lock_file(image: str) -> None:
    chain = lineage(f"build-{image}")
    assert [stage.name for stage in chain] == [f"build-{image}", "build"]
    assert any("PIP_CONSTRAINT=/src/requirements.lock" in text for text in texts(chain, "ENV"))
    assert EXTRAS[image] == sorted(EXTRAS[image])


def imported(entries: list[str]) -> set[str]:
    """Return what is imported from outside of the repository as soon as modules are, functions' own imports left out."""
    seen, waiting, found = set[str](), list(entries), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for module in at_once(parsed(MODULES[name]).body):
            if module in MODULES:
                waiting.append(module)
            else:
                found.add(module.partition(".")[0])
    return {name for name in found if name not in STANDARD}


def at_once(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in names)
        elif isinstance(node, ast.Try):
            yield from at_once(node.body)


def test_each_copied_file_is_there_and_sent_to_the_builder() -> None:
    sent = ignore_rules()
    for stage in stages().values():
        for text in texts([stage], "COPY"):
            *sources, _ = text.split()
            if sources[0].startswith("--from="):
                assert (
                    sources[0].removeprefix("--from=") in list(stages())[: list(stages()).index(stage.name)]
                )
                continue
            for source in sources:
                assert (ROOT / source).exists(), source
                assert any(fnmatch.fnmatch(source, rule) for rule in sent), f"{source} is in .dockerignore"


def ignore_rules() -> list[str]:
    rules = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert rules[1] == "*", "nothing is sent that is not named"
    named = [rule[1:] for rule in rules if rule.startswith("!")]
    assert [rule for rule in named if not (ROOT / rule).exists()] == []
    return named


def test_the_code_of_an_image_is_the_package_without_benchmarks() -> None:
    packages = {
        pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    copied = {text.split()[0] for text in texts([stages()["code"]], "COPY")}
    assert copied == packages - {"benchmarks"}


def test_the_base_is_the_python_that_is_asked_for() -> None:
    (base,) = re.findall(
        r"^ARG BASE=(\S+)$", (ROOT / "containers" / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    assert re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-\w+", base)
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.12"
    assert {stage.parent for stage in stages().values() if stage.parent not in stages()} == {
        "${BASE}",
        "scratch",
    }
    spark = dict(part.split("=", 1) for text in texts([stages()["spark"]], "ENV") for part in text.split())
    assert spark["SPARK_HOME"] == "/opt/crossfade/lib/python3.11/site-packages/pyspark"


def test_the_sbom_lists_every_image() -> None:
    for image in IMAGES:
        stage = stages()[f"sbom-{image}"]
        assert stage.parent == image
        assert texts([stage], "RUN") == [f"python /opt/sbom.py crossfade/{image} > /tmp/{image}.cdx.json"]
    copied = texts([stages()["sbom"]], "COPY")
    assert copied == [f"--from=sbom-{image} /tmp/{image}.cdx.json /" for image in IMAGES]


def test_make_builds_what_the_code_asks_for() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert f"\nIMAGES := {' '.join(IMAGES)}\n" in makefile
    assert f"{REPOSITORY}:{VERSION}" == IMAGE == f"crossfade/pipeline:{VERSION}"
    assert default_settings().rollout.image == f"crossfade/serving:{VERSION}"


def test_modules_that_manifests_start_are_in_the_image_that_they_name() -> None:
    wrong = []
    for path in sorted((ROOT / "manifests").rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            for image, words in commands(document):
                started = [f"{words[n + 1]}.__main__" for n, word in enumerate(words[:-1]) if word == "-m"]
                wrong += [f"{path}: {image} {name}" for name in started if name not in IMAGES.get(image, [])]
    assert wrong == []


def commands(node: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield image, without its place and tag, and command line of each container, wherever in a manifest it stands."""
    if isinstance(node, dict):
        words = [*(node.get("command") or []), *(node.get("args") or [])] if "image" in node else []
        if words:
            yield node["image"].rpartition("/")[2].partition(":")[0], [str(word) for word in words]
        for value in node.values():
            yield from commands(value)
    elif isinstance(node, list):
        for value in node:
            yield from commands(value)
