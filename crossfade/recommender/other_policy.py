"""A bundle with another policy on a surface is another bundle: its models are the same, its digest is not.

Its manifest keeps what was changed, so that a champion hands it on: bundles that are trained later take the default policies with
the same changes, until an experiment changes them again.
"""

import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from crossfade.recommender import bundle
from crossfade.recommender.manifest import DIGEST, FILES, MANIFEST, SCHEMA, digest_of, read_manifest, verify
from crossfade.recommender.surfaces import load_policies
from crossfade.recommender.workspace import Workspace
from crossfade.schema.tables import Surface

MADE_BY: Final = "another policy"
CHANGES: Final = "policy_changes"

Changes = Mapping[str, Mapping[str, Any]]


def with_policy(directory: Path, surface: Surface, changes: Mapping[str, Any], bundles: Path) -> Path:
    """Return a bundle that differs from another one in the policy of a surface; it is made where it is missing.

    Args:
        directory: The other bundle; it is left as it is.
        surface: Whose policy changes.
        changes: Key of the policy -> value; keys that are not named stay as the bundle has them.
        bundles: Where the new bundle goes; its manifest names the old one as its parent.

    Raises:
        NotFoundError: There is no such bundle.
        IntegrityError: It is damaged.
        SettingsError: A key or value is none that a policy has.
    """
    manifest = read_manifest(directory)
    text = load_policies(directory / bundle.POLICIES)[surface].changed(changes).dumps()
    name = f"{bundle.POLICIES}/{surface}.yaml"
    about = {key: value for key, value in manifest.items() if key not in (DIGEST, FILES, SCHEMA)}
    earlier: Changes = manifest.get(CHANGES, {})
    ours = {**earlier.get(surface, {}), **changes}
    about |= {
        "parents": [manifest[DIGEST]],
        "made_by": MADE_BY,
        CHANGES: {**earlier, str(surface): ours},
    }
    made = bundles / digest_of(about, {**manifest[FILES], name: sha256(text.encode()).hexdigest()})
    if made.is_dir():
        return made
    verify(directory)

    def fill(target: Path) -> None:
        shutil.copytree(directory, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
        (target / name).write_text(text, "utf-8")

    return bundle.write_bundle(bundles, fill, about)


def with_policies_of(directory: Path, champion: Path, bundles: Path) -> Path:
    """Return a bundle with what a champion has changed of its policies, itself where it has that; errors as in `with_policy`."""
    changes = read_manifest(champion).get(CHANGES, {})
    if read_manifest(directory).get(CHANGES, {}) == changes:
        return directory
    for surface, each in changes.items():
        directory = with_policy(directory, Surface(surface), each, bundles)
    return directory


def lineage(workspace: Workspace, parent: str) -> dict[str, Any]:
    """Return what a new bundle's manifest says of those before it: its parent, and what the champion changed of its policies.

    Args:
        workspace: Has the champion, if there is one.
        parent: Digest; empty for none.
    """
    champion = workspace.champion_digest()
    changes = read_manifest(workspace.bundle(champion)).get(CHANGES, {}) if champion else {}
    return {"parents": [parent] if parent else [], **({CHANGES: changes} if changes else {})}
