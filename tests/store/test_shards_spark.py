"""What a Python worker of Spark keeps between two tasks."""

import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from crossfade.store.shards_spark import _forget_zips


def test_finders_of_zip_files_are_forgotten_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "modules.zip"
    with ZipFile(archive, "w") as file:
        file.writestr("zipped_one.py", "NUMBER = 1")
        file.writestr("zipped_two.py", "NUMBER = 2")
    monkeypatch.syspath_prepend(str(archive))
    import zipped_one  # type: ignore[import-not-found]

    assert str(archive) in sys.path_importer_cache
    folders = [path for path in sys.path_importer_cache if Path(path).is_dir()]
    _forget_zips()
    assert str(archive) not in sys.path_importer_cache
    assert set(folders) <= set(sys.path_importer_cache)
    import zipped_two  # type: ignore[import-not-found]

    assert (zipped_one.NUMBER, zipped_two.NUMBER) == (1, 2)
