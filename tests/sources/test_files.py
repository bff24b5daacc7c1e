"""Paths become files, files become blocks of whole lines, and damaged ones are named."""

import gzip
from pathlib import Path

import pytest

from crossfade.schema.errors import InputError, NotFoundError
from crossfade.sources import files
from crossfade.sources.files import expanded, line_blocks


def written(directory: Path, *names: str) -> list[Path]:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("x", "utf-8")
    return [directory / name for name in names]


def test_directories_give_their_fitting_files_in_order(tmp_path: Path) -> None:
    wanted = written(tmp_path, "a/1.csv", "a/2.CSV", "b.csv.gz")
    written(tmp_path, "a/readme.txt", "a/_SUCCESS", "a/.2.csv.crc", "a/.hidden.csv", "a/_metadata.csv")
    assert expanded([tmp_path], (".csv", ".csv.gz")) == wanted
    assert expanded([tmp_path / "b.csv.gz", tmp_path / "a"], (".csv", ".csv.gz")) == [
        wanted[2],
        wanted[0],
        wanted[1],
    ]


def test_what_cannot_be_a_file_to_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "none").mkdir()
    written(tmp_path, "a.xlsx", "a.csv")
    with pytest.raises(NotFoundError, match=r"no file or directory .*missing.csv"):
        expanded([tmp_path / "missing.csv"], (".csv",))
    with pytest.raises(
        InputError, match=r"a.xlsx cannot be read by its ending; needed a file ending in .csv"
    ):
        expanded([tmp_path / "a.xlsx"], (".csv",))
    with pytest.raises(InputError, match=r"empty.csv is empty \(0 bytes\)"):
        expanded([tmp_path / "empty.csv"], (".csv",))
    with pytest.raises(InputError, match=r"directory .*none holds nothing to read"):
        expanded([tmp_path / "none"], (".csv",))
    with pytest.raises(InputError, match=r"a.csv is named twice"):
        expanded([tmp_path / "a.csv", tmp_path / "none" / ".." / "a.csv"], (".csv",))


def test_blocks_hold_whole_lines_however_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 4)
    text = b"a\nbb\ncccccccccc\n\nd"
    (tmp_path / "f.txt").write_bytes(text)
    (tmp_path / "f.txt.gz").write_bytes(gzip.compress(text, mtime=0))
    for name in ("f.txt", "f.txt.gz"):
        blocks = list(line_blocks(tmp_path / name))
        assert all(block.endswith(b"\n") for block in blocks)
        assert b"".join(blocks) == text + b"\n"
        assert len(blocks) == 4


@pytest.mark.parametrize("content", [gzip.compress(b"line\n" * 1000, mtime=0)[:-20], b"not gzip at all"])
def test_a_truncated_or_wrong_gzip_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f.csv.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"f.csv.gz cannot be read to its end: .*; it may be truncated"):
        list(line_blocks(tmp_path / "f.csv.gz"))
