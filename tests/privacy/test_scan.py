"""A scan finds the bytes of a name in any file, and does not look for what stands everywhere."""

from pathlib import Path

from crossfade.privacy.scan import files_holding


def test_names_are_found_in_any_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "data.bin").write_bytes(b"\xff\x00zo\xc3\xab-4711\x00")
    (tmp_path / "short.txt").write_text("alice")
    (tmp_path / "escaped.json").write_text('["zo\\u00eb-4711"]')
    (tmp_path / "empty").touch()
    names = ["zoë-4711", "alice"]
    assert files_holding([tmp_path], names) == [
        tmp_path / "deep" / "data.bin",
        tmp_path / "escaped.json",
    ]
    assert files_holding([tmp_path / "deep", tmp_path / "none"], ["nobody-else"]) == []
