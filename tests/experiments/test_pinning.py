"""An overlay's digest is written, read again, and refused where it was never filled in."""

import shutil
from pathlib import Path

import pytest

from crossfade.experiments.pinning import is_filled, pin, pinned
from crossfade.experiments.rendering import CHAMPION, of_yaml
from crossfade.schema.errors import InputError

OVERLAYS = Path(__file__).parents[2] / "manifests" / "overlays"
DIGEST = "0123456789abcdef"


@pytest.mark.parametrize("name", ["staging", "production"])
def test_committed_overlays_are_refused_until_they_are_filled_in(name: str, tmp_path: Path) -> None:
    overlay = tmp_path / name
    shutil.copytree(OVERLAYS / name, overlay)
    with pytest.raises(
        InputError, match=r"champion\.yaml names the bundle '0000000000000000', which stands for none"
    ):
        pinned(overlay)
    before = of_yaml((overlay / CHAMPION).read_text("utf-8"))
    assert pin(overlay, DIGEST) == "0" * 16
    assert pinned(overlay) == DIGEST
    after = of_yaml((overlay / CHAMPION).read_text("utf-8"))
    assert after == before | {"data": {"bundle": DIGEST}}, "nothing else is changed"
    written = (overlay / CHAMPION).stat().st_mtime_ns
    assert pin(overlay, DIGEST) == DIGEST
    assert (overlay / CHAMPION).stat().st_mtime_ns == written


def test_what_pins_no_bundle_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path} pins no bundle: it has no champion.yaml"):
        pin(tmp_path, DIGEST)
    (tmp_path / CHAMPION).write_text("kind: ConfigMap\n", "utf-8")
    with pytest.raises(InputError, match=r"champion\.yaml is no ConfigMap with data\.bundle"):
        pinned(tmp_path)


def test_a_digest_is_more_than_its_place() -> None:
    assert [is_filled(each) for each in ("", "0", "0" * 64, "0" * 15 + "1")] == [False, False, False, True]
