"""Bundles are replaced by ones without a person; models, numbering and lineage stay."""

from pathlib import Path

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.recommender import redaction
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.manifest import read_manifest, verify
from crossfade.recommender.redaction import bundles_naming, replace_bundles
from crossfade.recommender.workspace import Workspace
from crossfade.schema.user_keys import UserKey
from tests import builders

KEY = UserKey(b"k" * 32)
ANN, BOB = KEY.pseudonym("ann"), KEY.pseudonym("bob")
PLAYS: list[builders.Play] = [("ann", "a1", 1.0), ("bob", "a2", 2.0), ("bob", "a1", 3.0), ("cat", "a2", 4.0)]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A champion that knows ann, bob and cat, and its parent."""
    workspace = Workspace.create(tmp_path / "workspace")
    named = [(KEY.pseudonym(user), track, day) for user, track, day in PLAYS]
    world = builders.dataset(named)

    def fill(directory: Path) -> None:
        world.save(directory)
        (directory / "model").write_text("learnt")

    parent = write_bundle(workspace.bundles, fill, {"parents": [], "window": {"until": "test"}})
    child = write_bundle(workspace.bundles, fill, {"parents": [parent.name], "window": {"until": "end"}})
    for bundle in (parent, child):
        workspace.promote(bundle.name, reason="first", run_id="r", evaluation={})
    return workspace


def test_a_person_leaves_every_bundle_and_the_rows_stay_numbered(workspace: Workspace) -> None:
    parent, child = workspace.promotions.champions()
    before = Dataset.load(workspace.bundles / child)
    assert set(bundles_naming(workspace, [BOB])) == {parent, child}
    replaced = replace_bundles(workspace, [BOB, "bob"])
    assert set(replaced) == {parent, child}
    assert sorted(path.name for path in workspace.bundles.glob("[!.]*")) == sorted(replaced.values())
    after = Dataset.load(workspace.bundles / replaced[child])
    row = before.users.ids.rows([BOB])[0]
    assert after.users.ids.rows([BOB]).tolist() == [-1]
    assert after.users.ids.rows([ANN]).tolist() == before.users.ids.rows([ANN]).tolist()
    kept = before.interactions.user_rows != row
    np.testing.assert_array_equal(after.interactions.user_rows, before.interactions.user_rows[kept])
    np.testing.assert_array_equal(after.interactions.track_rows, before.interactions.track_rows[kept])
    assert after.users.table.column("birth_year")[int(row)].as_py() is None
    manifest = verify(workspace.bundles / replaced[child])
    assert manifest["parents"] == [replaced[parent]]
    assert manifest["learnt_from_erased_users"] == 1
    assert manifest["window"] == {"until": "end"}
    assert (workspace.bundles / replaced[child] / "model").read_text() == "learnt"
    files = [path for path in workspace.bundles.rglob("*") if path.is_file()]
    assert not [path for path in files if BOB.encode() in path.read_bytes()]


def test_nobody_known_changes_nothing(workspace: Workspace) -> None:
    before = sorted(workspace.bundles.iterdir())
    assert bundles_naming(workspace, [KEY.pseudonym("eve")]) == []
    assert replace_bundles(workspace, [KEY.pseudonym("eve")]) == {}
    assert sorted(workspace.bundles.iterdir()) == before


def test_a_killed_replacement_goes_on(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    parent, child = workspace.promotions.champions()

    def killed(directory: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(redaction, "remove_directory", killed)
        with pytest.raises(KeyboardInterrupt):
            replace_bundles(workspace, [BOB])
    assert (workspace.bundles / child).is_dir()
    replaced = replace_bundles(workspace, [BOB])
    assert set(replaced) == {parent, child}
    assert sorted(path.name for path in workspace.bundles.glob("[!.]*")) == sorted(replaced.values())
    assert replace_bundles(workspace, [BOB]) == replaced


def test_a_second_person_counts_too(workspace: Workspace) -> None:
    child = workspace.promotions.champions()[-1]
    first = replace_bundles(workspace, [BOB])[child]
    second = replace_bundles(workspace, [ANN])[first]
    manifest = read_manifest(workspace.bundles / second)
    assert manifest["learnt_from_erased_users"] == 2
    assert (
        Dataset.load(workspace.bundles / second).interactions.user_rows.tolist()
        == Dataset.load(workspace.bundles / second).users.ids.rows([KEY.pseudonym("cat")]).tolist()
    )


def test_own_ids_leave_bundles_without_pseudonyms(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path)
    write_bundle(workspace.bundles, builders.dataset(PLAYS).save, {"parents": []})
    (new,) = replace_bundles(workspace, ["bob"]).values()
    ids = Dataset.load(workspace.bundles / new).users.table.column("user_id").to_pylist()
    assert ids == ["ann", "nobody-1", "cat"]
