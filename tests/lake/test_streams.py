"""A stream's rows and its position are one commit, and whoever comes second is refused."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crossfade.lake import streams
from crossfade.lake.lake import BRONZE, Lake
from crossfade.lake.streams import Span, StreamTable
from crossfade.schema.errors import CrossfadeError

SCHEMA = pa.schema([("number", pa.int64())])
A, B = "topic/0", "topic/1"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake")


def table(lake: Lake, schema: pa.Schema = SCHEMA) -> StreamTable:
    return StreamTable(lake, BRONZE, "events", schema)


def rows(*numbers: int) -> pa.Table:
    return pa.table({"number": numbers}, schema=SCHEMA)


def numbers(lake: Lake) -> list[int]:
    return sorted(lake.read(BRONZE, "events").column("number").to_pylist())


def test_rows_and_positions_land_together_and_survive_the_writer(lake: Lake) -> None:
    first = table(lake)
    assert first.position(A) is None
    assert first.append(rows(1, 2), [Span(A, None, 2), Span(B, None, 7)])
    second = table(lake)
    assert (second.position(A), second.position(B)) == (2, 7)
    assert second.append(rows(3), [Span(A, 2, 3)])
    assert numbers(lake) == [1, 2, 3]
    assert second.rows_at(["number"], pc.field("number") > 1).column("number").to_pylist() in ([2, 3], [3, 2])


def test_positions_move_without_rows(lake: Lake) -> None:
    writer = table(lake)
    assert writer.append(rows(), [Span(A, None, 5)])
    assert writer.position(A) == 5
    assert numbers(lake) == []


def test_who_starts_where_the_table_no_longer_stands_writes_nothing(lake: Lake) -> None:
    owner, zombie = table(lake), table(lake)
    assert owner.append(rows(1), [Span(A, None, 1)])
    assert not zombie.append(rows(1), [Span(A, None, 1)])
    assert not zombie.append(rows(1, 5), [Span(A, None, 1), Span(B, None, 1)])
    assert zombie.position(B) is None
    assert numbers(lake) == [1]


def test_a_commit_that_another_slips_in_before_is_refused(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, zombie = table(lake), table(lake)
    check = StreamTable.position

    def slow(self: StreamTable, stream: str) -> int | None:
        found = check(self, stream)
        if self is zombie and numbers(lake) == []:
            owner.append(rows(1), [Span(A, None, 1)])  # after the zombie's look, before its commit
        return found

    monkeypatch.setattr(StreamTable, "position", slow)
    assert not zombie.append(rows(1), [Span(A, None, 1)])
    assert numbers(lake) == [1]


def test_writers_of_other_streams_and_files_do_not_get_in_the_way(lake: Lake) -> None:
    one, other = table(lake), table(lake)
    assert one.append(rows(1), [Span(A, None, 1)])
    lake.append(BRONZE, "events", rows(2))
    assert other.append(rows(3), [Span(B, None, 1)])
    assert numbers(lake) == [1, 2, 3]


def test_rows_for_a_version_that_was_seen_are_refused_at_any_other(lake: Lake) -> None:
    writer = table(lake)
    lake.append(BRONZE, "events", rows(1))
    assert not writer.append_to_seen(rows(2), [Span(A, None, 9)])
    writer.refresh()
    assert writer.append_to_seen(rows(2), [Span(A, None, 9)])
    assert writer.append_to_seen(rows(3), [Span(A, None, 4)])
    assert writer.position(A) == 9, "positions only rise"
    assert numbers(lake) == [1, 2, 3]


def test_columns_that_are_new_are_added(lake: Lake) -> None:
    table(lake).append(rows(1), [Span(A, None, 1)])
    wider = SCHEMA.append(pa.field("more", pa.string()))
    writer = table(lake, wider)
    assert writer.append(pa.table({"number": [2], "more": ["x"]}, schema=wider), [Span(A, 1, 2)])
    found = lake.read(BRONZE, "events").sort_by("number")
    assert found.column("more").to_pylist() == [None, "x"]


def test_a_table_that_always_changes_is_given_up(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StreamTable, "_committed", lambda *_, **__: False)
    with pytest.raises(CrossfadeError, match=f"{streams.ATTEMPTS} commits of other writers came first"):
        table(lake).append(rows(1), [Span(A, None, 1)])


def test_a_table_that_cannot_be_made_or_written_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    (lake.path / BRONZE).write_text("a file")
    with pytest.raises(CrossfadeError, match="bronze/events could not be written"):
        table(lake)
    (lake.path / BRONZE).unlink()
    writer = table(lake)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(streams, "write_deltalake", full)
    with pytest.raises(
        CrossfadeError, match=r"bronze/events could not be written: .*No space left on device"
    ):
        writer.append(rows(1), [Span(A, None, 1)])
    assert table(lake).position(A) is None
