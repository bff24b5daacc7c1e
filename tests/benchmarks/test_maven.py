"""Jars are fetched once, and what is missing is said instead of raised."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import maven
from benchmarks.maven import fetched


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(maven.shutil, "which", lambda name: f"/usr/bin/{name}")
    return tmp_path / "crossfade-tests"


def test_what_is_there_is_not_fetched_again(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []
    monkeypatch.setattr(maven.subprocess, "run", lambda *_, cwd, **__: calls.append(cwd))
    for _ in range(2):
        assert fetched("org.example", "thing_2.13", "1.2") == (caches / "thing-1.2", "")
    assert len(calls) == 1
    assert "<artifactId>thing_2.13</artifactId><version>1.2</version>" in (
        caches / "thing-1.2" / "pom.xml"
    ).read_text("utf-8")


def test_what_is_missing_is_said(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "mvn")

    monkeypatch.setattr(maven.subprocess, "run", failing)
    found, reason = fetched("org.example", "thing", "1.2")
    assert found is None
    assert reason.startswith("Maven could not fetch thing 1.2: ")
    assert list(caches.iterdir()) == []
    monkeypatch.setattr(maven.shutil, "which", lambda _: None)
    assert fetched("org.example", "thing", "1.2") == (None, "java and mvn are not both installed")
