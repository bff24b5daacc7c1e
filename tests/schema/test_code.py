from pathlib import Path

import pytest

from components.image import stamped_image
from crossfade.schema import code


def test_the_image_holds_this_code() -> None:
    assert stamped_image() == f"crossfade/pipeline:{code.VERSION}-{code.content_hash()}"


def test_the_hash_follows_every_byte_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("crossfade", "components", "pipelines"):
        (tmp_path / package).mkdir()
    monkeypatch.setattr(code, "_ROOT", tmp_path)

    def digest() -> str:
        code.content_hash.cache_clear()
        return code.content_hash()

    empty = digest()
    (tmp_path / "crossfade" / "a.py").write_text("1")
    one = digest()
    (tmp_path / "crossfade" / "a.py").rename(tmp_path / "crossfade" / "b.py")
    renamed = digest()
    (tmp_path / "pipelines" / "compiled").mkdir()
    (tmp_path / "pipelines" / "compiled" / "training.yaml").write_text("anything")
    assert digest() == renamed
    assert len({empty, one, renamed}) == 3
    code.content_hash.cache_clear()
