"""A champion that was fitted again on everything is judged by the parent that has not seen the test."""

from pathlib import Path

import pytest

from crossfade.evaluation.lineage import comparable_bundle, require_unseen
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.manifest import read_manifest
from crossfade.schema.errors import InputError, NotFoundError


def _bundle(bundles: Path, end: int, *parents: Path) -> Path:
    about = {"window": {"end": end}, "parents": [parent.name for parent in parents]}
    return write_bundle(bundles, lambda directory: (directory / "file").write_text("x"), about)


def test_a_champion_that_has_not_seen_the_test_stands_for_itself(tmp_path: Path) -> None:
    champion = _bundle(tmp_path, 100)
    assert comparable_bundle(tmp_path, champion.name, 100) == champion


def test_a_refit_champion_is_judged_by_its_evaluated_parent(tmp_path: Path) -> None:
    evaluated = _bundle(tmp_path, 100)
    champion = _bundle(tmp_path, 170, evaluated)
    assert comparable_bundle(tmp_path, champion.name, 169) == evaluated
    assert comparable_bundle(tmp_path, champion.name, 170) == champion


def test_the_nearest_unseeing_ancestor_is_taken(tmp_path: Path) -> None:
    oldest = _bundle(tmp_path, 50)
    evaluated = _bundle(tmp_path, 100, oldest)
    champion = _bundle(tmp_path, 170, evaluated, oldest)
    assert comparable_bundle(tmp_path, champion.name, 120) == evaluated
    assert comparable_bundle(tmp_path, champion.name, 99) == oldest


def test_none_is_comparable_when_all_have_seen_the_test_or_are_gone(tmp_path: Path) -> None:
    evaluated = _bundle(tmp_path, 100)
    champion = _bundle(tmp_path, 170, evaluated)
    assert comparable_bundle(tmp_path, champion.name, 99) is None
    for path in evaluated.iterdir():
        path.unlink()
    evaluated.rmdir()
    assert comparable_bundle(tmp_path, champion.name, 120) is None


def test_a_champion_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="abcd is not a bundle: it has no MANIFEST"):
        comparable_bundle(tmp_path, "abcd", 1)


def test_a_bundle_is_not_judged_on_what_it_was_trained_on(tmp_path: Path) -> None:
    manifest = read_manifest(_bundle(tmp_path, 101))
    require_unseen(manifest, 101)
    with pytest.raises(InputError, match="up to second 101, but the test period starts at 100"):
        require_unseen(manifest, 100)
