"""JSON Lines are read whole where lines agree on types, one by one where they do not, and each line's own fault is told."""

import json
from pathlib import Path

import pytest

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.tables import TRACKS
from crossfade.sources import files, json_lines
from crossfade.sources.conform import conform
from tests.sources.test_canonical import chunks, read
from tests.sources.test_conform import TIMES


def jsonl(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), "utf-8")
    return path


def test_json_lines_of_mixed_types_are_read_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "SINGLE_LINES", 3)
    plain = {"user_id": 1, "track_id": "t", "timestamp": 1_600_000_000}
    odd = [
        {"user_id": "u", "track_id": 5, "timestamp": "2020-09-13T12:26:40Z"},
        "{not json",
        "[1, 2]",
        {"user_id": {"id": 1}, "track_id": "t"},
        {"user_id": "u", "track_id": ["t"]},
        {"user_id": "half \ud83d", "track_id": "t", "played_ms": "12"},
    ]
    good, refused = read(jsonl(tmp_path / "f.jsonl", *[plain] * 10, *odd, *[plain] * 10))
    assert len(good) == 22
    assert good[10][c.TIMESTAMP] == good[0][c.TIMESTAMP]
    assert (good[11][c.USER_ID], good[11][c.PLAYED_MS], good[11][c.SOURCE_ROW]) == ("half ?", 12, 16)
    assert refused == [
        (12, "line is not a JSON object"),
        (13, "line is not a JSON object"),
        (14, "user_id is an object or a list in a wrong place"),
        (15, "track_id is an object or a list in a wrong place"),
    ]


def test_json_lines_keep_text_that_looks_like_something_else(tmp_path: Path) -> None:
    rows = [
        {"track_id": "1", "title": "2020-01-01"},
        {"track_id": "2", "title": "7"},
        {"track_id": "3", "genres": ["a"]},
    ]
    good, _ = read(jsonl(tmp_path / "t.jsonl", *rows), TRACKS)
    assert [row.get(c.TITLE) for row in good] == ["2020-01-01", "7", None]
    good, _ = read(
        jsonl(tmp_path / "t.jsonl", {"track_id": "1", "tags": "pop", "audio_vector": [1, 2.5]}), TRACKS
    )
    assert (good[0][c.GENRES], good[0][c.AUDIO_VECTOR]) == (["pop"], [1.0, 2.5])


def test_an_alias_fills_a_column_where_the_canonical_key_never_appears(tmp_path: Path) -> None:
    good, _ = read(jsonl(tmp_path / "t.jsonl", {"track_id": "1", "artist_id": "a"}), TRACKS)
    assert good[0][c.ARTIST_IDS] == ["a"]


def test_a_key_missing_from_every_line_is_a_missing_column_and_later_on_a_missing_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"f.jsonl: column track_id is missing"):
        read(jsonl(tmp_path / "f.jsonl", {"user_id": "u", "song": "x"}))
    monkeypatch.setattr(files, "BLOCK_BYTES", 60)
    lines = [{"user_id": "u", "track_id": "t"}] * 3 + [{"user_id": "u"}] * 3
    good, refused = read(jsonl(tmp_path / "f.jsonl", *lines))
    assert (len(good), refused) == (3, [(n, "track_id is missing") for n in (4, 5, 6)])


def test_json_lines_that_are_not_utf8_are_repaired_and_their_own_record_is_kept(tmp_path: Path) -> None:
    text = '{"user_id": "Zoë", "track_id": "t", "other": 1}\n{"user_id": null, "track_id": "t"}'
    (tmp_path / "f.jsonl").write_bytes(text.encode("cp1252"))
    (chunk,) = chunks(tmp_path / "f.jsonl")
    assert (chunk.repaired, chunk.ignored) == (1, ("other",))
    good, refused = conform(chunk, TIMES)
    assert good.column(c.USER_ID).to_pylist() == ["Zoë"]
    assert refused.column(c.RAW).to_pylist() == ['{"user_id": null, "track_id": "t"}']
