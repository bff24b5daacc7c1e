"""A bundle with another policy: the same models under another digest, made once, and handed on to what is trained later."""

from pathlib import Path

import pytest

from crossfade.recommender.bundle import POLICIES
from crossfade.recommender.fit import build_bundle
from crossfade.recommender.manifest import read_manifest, verify
from crossfade.recommender.other_policy import CHANGES, lineage, with_policies_of, with_policy
from crossfade.recommender.surfaces import default_policies, load_policies
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import IntegrityError, NotFoundError, SettingsError
from crossfade.schema.tables import Surface
from tests.experiments.rollouts import small_bundle
from tests.recommender import world

CALM = {"diversity": 0.3}


def test_only_the_policy_of_the_surface_is_another(tmp_path: Path) -> None:
    old = small_bundle(tmp_path / "bundles")
    new = with_policy(old, Surface.RADIO, CALM, tmp_path / "bundles")
    assert with_policy(old, Surface.RADIO, CALM, tmp_path / "bundles") == new != old
    usual, found = default_policies(), load_policies(new / POLICIES)
    assert found == {**usual, Surface.RADIO: usual[Surface.RADIO].model_copy(update=CALM)}
    before, after = verify(old), verify(new)
    changed = {name for name, digest in after["files"].items() if before["files"].get(name) != digest}
    assert changed == {"policies/radio.yaml"}
    assert (after["parents"], after[CHANGES]) == ([old.name], {"radio": CALM})
    assert with_policies_of(old, new, tmp_path / "bundles") == new
    assert with_policies_of(new, new, tmp_path / "bundles") == new
    again = with_policy(new, Surface.HOME, {"k": 9}, tmp_path / "bundles")
    later = with_policy(again, Surface.RADIO, {"flow": 0.0}, tmp_path / "bundles")
    assert read_manifest(later)[CHANGES] == {"radio": CALM | {"flow": 0.0}, "home": {"k": 9}}


def test_what_is_no_bundle_or_no_policy_is_refused(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    old = small_bundle(bundles)
    with pytest.raises(SettingsError, match=r"policy: unknown key volume; known: "):
        with_policy(old, Surface.RADIO, {"volume": 1}, bundles)
    with pytest.raises(NotFoundError, match="none is not a bundle"):
        with_policy(bundles / "none", Surface.RADIO, CALM, bundles)
    (old / "model.txt").write_text("another", "utf-8")
    with pytest.raises(IntegrityError, match=r"model\.txt was changed"):
        with_policy(old, Surface.RADIO, CALM, bundles)


def test_what_is_trained_later_has_the_champions_changes(planted_world: Path, tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    assert lineage(workspace, "") == {"parents": []}
    champion = with_policy(small_bundle(workspace.bundles), Surface.DISCOVER_WEEKLY, CALM, workspace.bundles)
    workspace.promote(champion.name, reason="Better.", run_id="r", evaluation={})
    found = build_bundle(
        planted_world / "dataset",
        planted_world / "test",
        planted_world / "ranker",
        workspace.bundles,
        until="test",
        settings=world.settings(),
        lineage=lineage(workspace, "0123456789abcdef"),
    )
    assert load_policies(found / POLICIES)[Surface.DISCOVER_WEEKLY].diversity == 0.3
    told = read_manifest(found)
    assert (told["parents"], told[CHANGES]) == (["0123456789abcdef"], {"discover_weekly": CALM})
