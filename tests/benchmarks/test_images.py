"""What images hold is followed through metadata, and every bit of it is pinned."""

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from benchmarks import images
from benchmarks.harness import Options
from crossfade.schema.errors import NotFoundError

LOCK = (Path(__file__).parents[2] / "requirements.lock").read_text("utf-8")


def test_every_package_of_an_image_is_pinned() -> None:
    pinned = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^(\S+)==(\S+)$", LOCK, re.MULTILINE)
    }
    extras = {extra for found in images.image_extras().values() for extra in found}
    packages = images.brought_by(sorted(extras))
    assert {"click", "tensorflow", "kserve", "pyspark", "kfp-kubernetes"} <= packages.keys()
    assert {
        name: package.version for name, package in packages.items() if pinned.get(name) != package.version
    } == {}


def test_bytes_are_those_of_the_files(tmp_path: Path) -> None:
    about = tmp_path / "thing-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: thing\nVersion: 1\n")
    (about / "RECORD").write_text("thing.py,,\ngone.py,,\n")
    (tmp_path / "thing.py").write_bytes(b"x" * 17)
    assert images.num_bytes(Distribution.at(about)) == 17


def test_figures_are_of_each_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        images, "image_extras", lambda: {"small": ["dashboards"], "larger": ["dashboards", "spark"]}
    )
    monkeypatch.setattr(
        images, "brought_by", lambda extras: {extra: distribution("click") for extra in extras}
    )
    monkeypatch.setattr(images, "num_bytes", lambda _: images.GIB // 4)
    assert images.run(Options(quick=True)).figures == {
        "quick": True, "small_packages": 1, "small_gib": 0.25, "larger_packages": 2, "larger_gib": 0.5,
    }  # fmt: skip


def test_a_package_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["no-such-package"]\n')
    monkeypatch.setattr(images, "ROOT", tmp_path)
    with pytest.raises(
        NotFoundError, match="no-such-package is not installed; install all extras: make install"
    ):
        images.brought_by([])
