"""One trained bundle for all tests of this area."""

from pathlib import Path

import pytest

from crossfade.recommender.recommend import Recommender
from tests.recommender import world


@pytest.fixture(scope="session")
def trained(planted_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of the planted world; beside it stand dataset, validation, test and ranker."""
    return world.copied(planted_world, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def recommender(trained: Path) -> Recommender:
    """The loaded bundle."""
    return Recommender.load(trained)
