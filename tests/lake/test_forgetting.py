"""Rows that were taken out leave no byte behind, and the table goes on as it was."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crossfade.lake import streams
from crossfade.lake.forgetting import delete_user, keep_rows, settle, table_digest
from crossfade.lake.lake import BRONZE, QUARANTINE, Lake
from crossfade.lake.layout import QUARANTINE_SCHEMA, bronze_schema
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError
from crossfade.schema.tables import EVENTS
from tests.lake.rows import arrow, bronze

PLANTED = "zz-planted-o'hara-zz"
SCHEMA = bronze_schema(EVENTS)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two commits of a stream; the planted user is the largest id of the first, so that statistics name them."""
    lake = Lake.create(tmp_path / "lake")
    table = streams.StreamTable(lake, BRONZE, "events", SCHEMA)
    first = bronze([{c.USER_ID: user, c.TRACK_ID: "1"} for user in ("a", "b", PLANTED)])
    assert table.append(first, [streams.Span("topic/0", None, 3)])
    assert table.append(bronze([{c.USER_ID: "a", c.TRACK_ID: "2"}]), [streams.Span("topic/0", 3, 4)])
    return lake


def holding(path: Path, text: str) -> list[str]:
    return [file.name for file in path.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_a_lake_may_be_named_by_a_relative_path(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lake.path.parent)
    here = Lake.open(Path("lake"))
    with here.writing():
        settle(here, BRONZE, "events")
    assert here.read(BRONZE, "events").num_rows == 4


def test_no_data_file_is_removed_where_one_is_missing(lake: Lake) -> None:
    first, second = lake.files(BRONZE, "events")
    first.rename(first.with_suffix(".gone"))
    with pytest.raises(IntegrityError, match=f"lacks {first.name}, a file of its newest version"):
        settle(lake, BRONZE, "events")
    assert second.exists()


def test_deleted_rows_are_in_no_file_and_no_statistics(lake: Lake) -> None:
    assert holding(lake.path, "planted")
    with lake.writing():
        assert delete_user(lake, BRONZE, "events", PLANTED) == 1
        settle(lake, BRONZE, "events")
    assert lake.read(BRONZE, "events").column(c.USER_ID).to_pylist() == ["a", "b", "a"]
    assert holding(lake.path, "planted") == []
    live = set(lake.files(BRONZE, "events"))
    stored = {file for file in lake.path.rglob("*.parquet") if "_delta_log" not in file.parts}
    assert stored == live


def test_a_settled_table_goes_on(lake: Lake) -> None:
    before = lake.version(BRONZE, "events")
    with lake.writing():
        delete_user(lake, BRONZE, "events", PLANTED)
        settle(lake, BRONZE, "events")
    after = lake.version(BRONZE, "events")
    assert before is not None
    assert after is not None
    assert after > before  # a version never means two things
    stream = streams.StreamTable(lake, BRONZE, "events", SCHEMA)
    assert stream.position("topic/0") == 4
    more = bronze([{c.USER_ID: "b", c.TRACK_ID: "3"}])
    assert not stream.append(more, [streams.Span("topic/0", 3, 5)])
    assert stream.append(more, [streams.Span("topic/0", 4, 5)])
    assert lake.num_rows(BRONZE, "events") == 4
    assert len(lake.history(BRONZE, "events")) == 2
    found = lake.dataset(BRONZE, "events").to_table(filter=pc.field(c.USER_ID) == "b")
    assert sorted(found.column(c.TRACK_ID).to_pylist()) == ["1", "3"]


def test_settling_keeps_what_the_newest_commit_tells_and_is_safe_to_repeat(lake: Lake) -> None:
    for title in ("old", "new"):
        lake.overwrite("silver", "tracks", pa.table({c.TITLE: [title]}), {"crossfade.made_from": title})
    digest, version = table_digest(lake, "silver", "tracks"), lake.version("silver", "tracks")
    for _ in range(2):
        with lake.writing():
            settle(lake, "silver", "tracks")
    assert lake.read("silver", "tracks").to_pydict() == {c.TITLE: ["new"]}
    assert [commit.get("crossfade.made_from") for commit in lake.history("silver", "tracks")] == ["new"]
    assert (table_digest(lake, "silver", "tracks"), lake.version("silver", "tracks")) == (digest, version)
    assert holding(lake.path / "silver", "old") == []


def test_rows_are_kept_by_a_condition(lake: Lake) -> None:
    refused = [{c.RAW: f'{{"user_id": "{user}"}}', c.REASON: "bad"} for user in ("a", PLANTED)]
    lake.append(QUARANTINE, "events", arrow(refused, QUARANTINE_SCHEMA))
    version = lake.version(QUARANTINE, "events")
    assert keep_rows(lake, QUARANTINE, "events", lambda rows: pa.array([True] * len(rows))) == 0
    assert lake.version(QUARANTINE, "events") == version
    assert (
        keep_rows(
            lake, QUARANTINE, "events", lambda rows: pa.array(["a" in raw for raw in rows[c.RAW].to_pylist()])
        )
        == 0
    )
    assert keep_rows(lake, QUARANTINE, "events", lambda rows: pa.array([True, False])) == 1
    with lake.writing():
        settle(lake, QUARANTINE, "events")
    assert holding(lake.path / QUARANTINE, "planted") == []
