from pathlib import Path

import pytest

from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import InputError, NotFoundError


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace.create(tmp_path / "workspace")
    for digest in ("aaa", "bbb"):
        (workspace.bundles / digest).mkdir()
    return workspace


def promote(workspace: Workspace, digest: str) -> None:
    workspace.promote(digest, reason="Better.", run_id=f"run-{digest}", evaluation={})


def test_create_makes_its_rooms_and_keeps_what_is_there(workspace: Workspace) -> None:
    for room in (workspace.bundles, workspace.store, workspace.runs, workspace.reports):
        assert room.is_dir()
        assert room.parent == workspace.path
    Workspace.create(workspace.path)
    assert (workspace.bundles / "aaa").is_dir()
    assert Workspace.open(workspace.path) == workspace


def test_open_needs_a_workspace(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nowhere is not a workspace .* crossfade run training"):
        Workspace.open(tmp_path / "nowhere")


def test_champion_follows_the_log(workspace: Workspace) -> None:
    assert workspace.champion_digest() is None
    with pytest.raises(NotFoundError, match=r"has no champion yet; train one with: crossfade run training"):
        workspace.champion()
    promote(workspace, "aaa")
    workspace.refuse("bbb", reason="Worse.", run_id="run-b", evaluation={})
    assert workspace.champion() == workspace.bundles / "aaa"
    promote(workspace, "bbb")
    assert workspace.champion_digest() == "bbb"
    assert workspace.rollback_champion(reason="Complaints.", run_id="operator").digest == "aaa"
    assert workspace.champion() == workspace.bundles / "aaa"


def test_only_bundles_that_are_there(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"Bundle 'ccc' is not in .*bundles; there are: aaa, bbb\."):
        promote(workspace, "ccc")
    with pytest.raises(NotFoundError, match="Bundle 'ccc'"):
        workspace.refuse("ccc", reason="Worse.", run_id="run", evaluation={})
    with pytest.raises(NotFoundError, match="Bundle ''"):
        workspace.bundle("")
    assert workspace.promotions.lines() == []


def test_rollback_needs_the_earlier_bundle(workspace: Workspace) -> None:
    promote(workspace, "aaa")
    with pytest.raises(NotFoundError, match="no earlier champion"):
        workspace.rollback_champion(reason="Complaints.", run_id="operator")
    promote(workspace, "bbb")
    (workspace.bundles / "aaa").rmdir()
    with pytest.raises(NotFoundError, match="Bundle 'aaa' is not in"):
        workspace.rollback_champion(reason="Complaints.", run_id="operator")
    assert workspace.champion_digest() == "bbb"


def test_champion_whose_bundle_is_gone(workspace: Workspace) -> None:
    promote(workspace, "aaa")
    (workspace.bundles / "aaa").rmdir()
    with pytest.raises(NotFoundError, match=r"Bundle 'aaa' is not in .*; there are: bbb\."):
        workspace.champion()


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is a file, but a workspace is a directory"):
        Workspace.create(tmp_path / "file")
