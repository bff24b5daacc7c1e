"""A bundle is named by its bytes; a changed, missing or foreign byte is refused by the file's name."""

import json
from pathlib import Path

import pytest

from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.manifest import MANIFEST, read_manifest, understood, verify
from crossfade.schema.code import VERSION
from crossfade.schema.errors import IntegrityError, NotFoundError
from crossfade.schema.tables import SCHEMA_VERSION

ABOUT = {"seeds": {"seed": 1}, "parents": []}


def fill(directory: Path) -> None:
    (directory / "sources" / "knn").mkdir(parents=True)
    (directory / "sources" / "knn" / "lists.arrow").write_bytes(b"neighbours")
    (directory / "settings.yaml").write_text("seed: 1\n")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundles", fill, ABOUT)


def test_equal_inputs_give_one_bundle_and_others_another(bundle: Path) -> None:
    written = (bundle / MANIFEST).stat().st_mtime_ns
    assert write_bundle(bundle.parent, fill, ABOUT) == bundle
    assert (bundle / MANIFEST).stat().st_mtime_ns == written
    assert write_bundle(bundle.parent, fill, {**ABOUT, "parents": [bundle.name]}) != bundle
    assert write_bundle(bundle.parent, lambda directory: (directory / "a").touch(), ABOUT) != bundle
    assert len([*bundle.parent.glob("[!.]*")]) == 3


def test_the_manifest_names_every_file_and_the_digest(bundle: Path) -> None:
    manifest = verify(bundle)
    assert manifest["digest"] == bundle.name
    assert sorted(manifest["files"]) == ["settings.yaml", "sources/knn/lists.arrow"]
    assert manifest["schema_version"] == SCHEMA_VERSION
    assert manifest["seeds"] == {"seed": 1}


def test_any_changed_byte_is_refused_by_the_files_name(bundle: Path) -> None:
    for path in [path for path in bundle.rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        for place in {0, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(IntegrityError, match=path.name):
                verify(bundle)
        path.write_bytes(whole)
    verify(bundle)


def test_missing_and_foreign_files_are_refused(bundle: Path) -> None:
    (bundle / "extra").touch()
    with pytest.raises(IntegrityError, match=r"extra is not the manifest's"):
        verify(bundle)
    (bundle / "extra").unlink()
    (bundle / "settings.yaml").unlink()
    with pytest.raises(IntegrityError, match=r"settings\.yaml is missing"):
        verify(bundle)


def test_what_is_no_bundle_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(NotFoundError, match=rf"{path.name} is not a bundle: it has no MANIFEST\.json"):
            verify(path)


def test_a_newer_schema_version_names_both(bundle: Path) -> None:
    newer = {**json.loads((bundle / MANIFEST).read_text()), "schema_version": 99}
    (bundle / MANIFEST).write_text(json.dumps(newer))
    with pytest.raises(
        IntegrityError, match=rf"schema version 99, this Crossfade reads up to {SCHEMA_VERSION}"
    ):
        read_manifest(bundle)


def test_what_another_release_wrote_and_this_one_cannot_read_names_both(tmp_path: Path) -> None:
    def read(made: str, error: Exception | None) -> None:
        bundle = write_bundle(tmp_path, fill, {**ABOUT, "code_version": made})

        def fail() -> str:
            if error is not None:
                raise error
            return "read"

        assert understood(bundle, fail) == "read"

    read("9.0.0", None)
    mend = rf"cannot be read by this one, {VERSION}: KeyError: 'hue'\. Serve it with Crossfade 9\.0\.0, or train again"
    with pytest.raises(IntegrityError, match=rf"was made by Crossfade 9\.0\.0 and {mend}"):
        read("9.0.0", KeyError("hue"))
    with pytest.raises(KeyError, match="hue"):
        read(VERSION, KeyError("hue"))


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": "new"}'])
def test_a_manifest_that_is_none_is_refused(bundle: Path, text: str) -> None:
    (bundle / MANIFEST).write_text(text)
    with pytest.raises(IntegrityError, match=r"MANIFEST\.json"):
        verify(bundle)


def test_a_failed_or_killed_build_leaves_no_bundle(tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        (directory / "half").touch()
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_bundle(tmp_path, fail, ABOUT)
    assert [*tmp_path.glob("[!.]*")] == []
    (tmp_path / ".partial").mkdir()  # as after kill -9
    (tmp_path / ".partial" / "half").touch()
    bundle = write_bundle(tmp_path, fill, ABOUT)
    assert sorted(verify(bundle)["files"]) == ["settings.yaml", "sources/knn/lists.arrow"]
    assert not (tmp_path / ".partial").exists()


def test_a_damaged_bundle_is_replaced_by_building_it_again(bundle: Path) -> None:
    (bundle / "settings.yaml").write_text("seed: 2\n")
    assert write_bundle(bundle.parent, fill, ABOUT) == bundle
    verify(bundle)
    (bundle / MANIFEST).unlink()
    assert write_bundle(bundle.parent, fill, ABOUT) == bundle
    verify(bundle)
