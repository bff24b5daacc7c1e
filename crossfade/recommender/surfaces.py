"""The surfaces' policies: the defaults beside this file, and the copies that a bundle carries."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from crossfade.recommender.policy import Policy, load_policy, parse_policy
from crossfade.schema.errors import InputError
from crossfade.schema.tables import Surface

Policies = Mapping[Surface, Policy]


def surface_of(name: str) -> Surface:
    """Return the surface of a name.

    Raises:
        InputError: There is none.
    """
    try:
        return Surface(name)
    except ValueError as error:
        raise InputError(f"Surface {name!r} does not exist; choose one of: {', '.join(Surface)}.") from error


def default_policy_text(surface: Surface) -> str:
    """Return a surface's default policy file, comments included."""
    return files("crossfade.recommender").joinpath("policies", f"{surface}.yaml").read_text("utf-8")


def default_policies() -> Policies:
    """Return the default policy of every surface."""
    return {
        surface: parse_policy(default_policy_text(surface), place=f"{surface}.yaml") for surface in Surface
    }


def write_policies(directory: Path, changes: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Write every surface's default policy file, comments included; one with changes is written with them, without comments.

    Args:
        directory: Made.
        changes: Surface -> key of its policy -> value; None is no changes.

    Raises:
        SettingsError: A key or value is none that a policy has.
    """
    directory.mkdir(parents=True)
    for surface in Surface:
        text = default_policy_text(surface)
        if changes and surface in changes:
            text = parse_policy(text, place=f"{surface}.yaml").changed(changes[surface]).dumps()
        (directory / f"{surface}.yaml").write_text(text, "utf-8")


def load_policies(directory: Path) -> Policies:
    """Read every surface's policy from a directory.

    Raises:
        SettingsError: A file is missing or wrong.
    """
    return {surface: load_policy(directory / f"{surface}.yaml") for surface in Surface}
