"""Every benchmark can be started: what it imports is there."""

from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import benchmarks

FOLDER = str(Path(benchmarks.__file__).parent)
MODULES = sorted(module.name for module in walk_packages([FOLDER], "benchmarks."))


def test_there_are_benchmarks() -> None:
    assert "benchmarks.demo" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_it_imports(name: str) -> None:
    assert import_module(name).__doc__
