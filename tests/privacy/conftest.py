"""One planted world for all tests of this area; each works on a copy of its own."""

import shutil
from pathlib import Path

import pytest

from crossfade.privacy.erase import Places, erase
from tests.privacy import planted


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the world was made."""
    root = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        planted.plant(root, patch)
    return root


def copied(origin: Path, root: Path) -> Places:
    """Copy lake, its key and workspace, without the files that were imported."""
    for name in ("lake", "workspace"):
        shutil.copytree(origin / name, root / name)
    shutil.copy(origin / "lake.user-keys", root)
    return planted.world(root)


@pytest.fixture
def world(origin: Path, tmp_path: Path) -> Places:
    """A copy of the world."""
    return copied(origin, tmp_path)


@pytest.fixture(scope="session")
def erased(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A copy without the person; one receipt stands in `receipts`."""
    places = copied(origin, tmp_path_factory.mktemp("erased"))
    erase(places, planted.PERSON, planted.SETTINGS)
    return places
