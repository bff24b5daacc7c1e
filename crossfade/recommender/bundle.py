"""The bundle: everything that a recommender needs, as one immutable directory named by its digest."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from crossfade.recommender.manifest import Manifest, verify, write_manifest
from crossfade.schema.durable import locked, replace_directory, sync_directory
from crossfade.schema.errors import IntegrityError, NotFoundError

SOURCES: Final = "sources"
RANKER: Final = "ranker"
RADIO: Final = "radio"  # in the ranker's directory; absent where there were no sessions to learn from
POLICIES: Final = "policies"
SETTINGS: Final = "settings.yaml"


def write_bundle(bundles: Path, fill: Callable[[Path], None], about: Manifest) -> Path:
    """Write a bundle beside the others; it appears whole, under its digest, by one rename.

    A bundle of the same digest that is there already is kept, unless its bytes are damaged. What a killed run
    left behind is removed.

    Args:
        bundles: Directory of bundles, made if missing.
        fill: Writes the bundle's files into the empty directory that it is given.
        about: The manifest but for files and digest, as in `write_manifest`.

    Returns:
        The bundle's directory.
    """
    with locked(bundles / ".lock"):
        partial = bundles / ".partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            fill(partial)
            target = bundles / write_manifest(partial, about)
            if _is_whole(target):
                return target
            _sync(partial)
            replace_directory(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return target


def _is_whole(bundle: Path) -> bool:
    if not bundle.exists():
        return False
    try:
        verify(bundle)
    except (IntegrityError, NotFoundError):
        return False
    return True


def _sync(directory: Path) -> None:
    for path in directory.rglob("*"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_directory(directory)
