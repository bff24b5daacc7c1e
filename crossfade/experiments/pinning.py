"""The bundle that an overlay of the manifests serves: `champion.yaml` names it, and zeros stand there until somebody does."""

from pathlib import Path
from typing import Any, Final

from crossfade.experiments.rendering import CHAMPION, as_yaml, merged, of_yaml
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import InputError

UNFILLED: Final = "0"  # what a digest that was never filled in is made of


def pin(overlay: Path, digest: str) -> str:
    """Write a digest into an overlay, whose commit deploys it; doing it again changes nothing.

    Args:
        overlay: Directory of a kustomization with `champion.yaml`.
        digest: Of a bundle.

    Returns:
        The digest that stood there.

    Raises:
        InputError: The overlay has no such file, or it is no ConfigMap with a bundle.
    """
    told = _champion_map(overlay)
    before = str(told["data"]["bundle"])
    if before != digest:
        replace_file(overlay / CHAMPION, as_yaml(merged(told, {"data": {"bundle": digest}})))
    return before


def pinned(overlay: Path) -> str:
    """Return the digest that an overlay serves.

    Raises:
        InputError: As `pin`, or it was never filled in.
    """
    digest = str(_champion_map(overlay)["data"]["bundle"])
    if not is_filled(digest):
        raise InputError(f"{overlay / CHAMPION} names the bundle {digest!r}, which stands for none.")
    return digest


def is_filled(digest: str) -> bool:
    """Return whether a digest is more than the place for one."""
    return bool(digest.strip(UNFILLED))


def _champion_map(overlay: Path) -> dict[str, Any]:
    path = overlay / CHAMPION
    if not path.is_file():
        raise InputError(f"{overlay} pins no bundle: it has no {CHAMPION}.")
    told = of_yaml(path.read_text("utf-8"))
    try:
        told["data"]["bundle"]
    except (TypeError, KeyError) as error:
        raise InputError(f"{path} is no ConfigMap with data.bundle.") from error
    checked: dict[str, Any] = told
    return checked
