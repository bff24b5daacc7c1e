"""Which bundle of the champion's family may be judged on a test period: one that has not seen it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossfade.recommender.manifest import read_manifest
from crossfade.schema.errors import InputError


def trained_until(manifest: Mapping[str, Any]) -> int:
    """Return the UTC second up to which a bundle knows what happened."""
    return int(manifest["window"]["end"])


def comparable_bundle(bundles: Path, champion: str, test_start: int) -> Path | None:
    """Return the bundle by which a champion is judged.

    What is published was fitted again on everything, the test period included, so it would be judged on what
    it was told. Its manifest names its parents, among them the bundle that was evaluated before; the first of
    the family that knows nothing from `test_start` on stands for the champion.

    Args:
        bundles: Directory of bundles.
        champion: Digest of the champion.
        test_start: UTC seconds.

    Returns:
        The bundle's directory; None when every one of the family that is still there knows the test period.

    Raises:
        NotFoundError: The champion itself is not there.
        IntegrityError: A manifest was changed.
    """
    waiting, seen = [champion], {champion}
    while waiting:
        digest = waiting.pop(0)
        directory = bundles / digest
        if digest != champion and not directory.is_dir():
            continue
        manifest = read_manifest(directory)
        if trained_until(manifest) <= test_start:
            return directory
        parents = [parent for parent in manifest["parents"] if parent not in seen]
        seen.update(parents)
        waiting += parents
    return None


def require_unseen(manifest: Mapping[str, Any], test_start: int) -> None:
    """Refuse to judge a bundle on a period that it was trained on.

    Raises:
        InputError: Names the bundle and both moments.
    """
    if trained_until(manifest) > test_start:
        raise InputError(
            f"Bundle {manifest['digest']} knows listening up to second {trained_until(manifest)}, but the "
            f"test period starts at {test_start}; evaluate the parent that was fitted before it."
        )
