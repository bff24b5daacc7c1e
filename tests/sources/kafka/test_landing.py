"""Each message lands in bronze or in quarantine, once, wherever a process dies and whoever else is at work."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from crossfade.lake import streams
from crossfade.lake.lake import BRONZE, QUARANTINE, Lake
from crossfade.schema.errors import CrossfadeError
from crossfade.sources.kafka import landing as landing_module
from crossfade.sources.kafka.batch import Batch, Buffer, Partition, Value
from crossfade.sources.kafka.formats import decoder
from crossfade.sources.kafka.landing import Landed, Landing
from crossfade.sources.kafka.reader import Reader  # noqa: F401 (the module can be imported without a broker)

ONE, TWO = Partition("listens", 0), Partition("listens", 1)
NOW = datetime(2025, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=9)


def event(number: int, **more: object) -> bytes:
    return json.dumps({"event_id": f"e{number}", "user_id": "u", "track_id": "t", **more}).encode()


def landing(lake: Lake, cluster: str = "main") -> Landing:
    return Landing(lake, cluster, decoder("json"), 60)


def batch(start: int | None, values: list[Value], partition: Partition = ONE) -> Batch:
    buffer = Buffer()
    first = start or 0
    buffer.add(partition, start, values, list(range(first, first + len(values))))
    return buffer.take()


def offsets(lake: Lake, layer: str) -> list[int]:
    found = lake.read(layer, "events") if lake.has(layer, "events") else None
    return sorted(found.column("source_row").to_pylist()) if found else []


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake")


def test_rows_say_where_they_came_from_and_positions_stand_beside_them(lake: Lake) -> None:
    lander = landing(lake)
    assert lander.positions([ONE]) == {ONE: None}
    assert lander.land(batch(None, [event(0), b"poison", event(2, mood="calm")]), NOW) == Landed(2, 1)
    assert lander.positions([ONE, TWO]) == {ONE: 3, TWO: None}
    good = lake.read(BRONZE, "events").sort_by("source_row").to_pylist()
    assert [(row["event_id"], row["source_row"], row["extras"]) for row in good] == [
        ("e0", 0, None), ("e2", 2, '{"mood": "calm"}'),
    ]  # fmt: skip
    assert {(row["source"], row["source_file"], row["imported_at"]) for row in good} == {
        ("kafka", "kafka://main/listens/0", NOW)
    }
    (refused,) = lake.read(QUARANTINE, "events").to_pylist()
    assert (refused["source_file"], refused["source_row"]) == ("kafka://main/listens/0", 1)
    assert (refused["reason"], refused["raw"]) == ("line is not a JSON object", '{"line": "poison"}')


def test_a_batch_of_poison_alone_moves_the_position(lake: Lake) -> None:
    assert landing(lake).land(batch(None, [b"poison", None]), NOW) == Landed(0, 2)
    assert landing(lake).positions([ONE]) == {ONE: 2}


def test_another_cluster_is_another_stream(lake: Lake) -> None:
    assert landing(lake).land(batch(None, [event(0)]), NOW)
    assert landing(lake, "other").positions([ONE]) == {ONE: None}


class Crash(BaseException):
    """Nothing in the code under test catches it, as nothing catches SIGKILL."""


def crash_at_line(number: int) -> Callable[[FrameType, str, Any], Any]:
    """Return a trace function that raises before the n-th line that is run in the modules that land batches."""
    files = {landing_module.__file__, streams.__file__}
    left = number

    def trace(frame: FrameType, kind: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        left -= kind == "line"
        if left < 0:
            raise Crash
        return trace

    return trace


@pytest.mark.slow
def test_a_crash_before_any_line_neither_loses_nor_doubles_a_message(tmp_path: Path) -> None:
    """The n-th attempt dies before the n-th line; the next one starts anew, later, with one message more.

    Every batch has poison, and an event of the future that is one no longer when the batch is read again.
    """
    soon = (NOW + timedelta(days=1)).isoformat()
    values = [event(0), b"poison", event(2, timestamp=soon), event(3), b"more poison"]
    crashes = 0
    for at_line in range(1_000):
        lake = Lake.create(tmp_path / str(at_line))
        landing(lake)  # so that every attempt finds the tables
        sys.settrace(crash_at_line(at_line))
        try:
            landing(lake).land(batch(None, values[:4]), NOW)
            break
        except Crash:
            crashes += 1
        finally:
            sys.settrace(None)
        lander = landing(lake)
        start = lander.positions([ONE])[ONE]
        assert lander.land(batch(start, values[start or 0 :]), LATER) is not None
        assert landing(lake).positions([ONE]) == {ONE: 5}
        assert Counter(offsets(lake, BRONZE) + offsets(lake, QUARANTINE)) == Counter(range(5))
        ids = lake.read(BRONZE, "events").column("event_id").to_pylist()
        assert sorted(ids) in (["e0", "e3"], ["e0", "e2", "e3"])
    assert crashes > 60


def test_what_was_refused_stays_refused_when_it_is_read_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: list[Value] = [event(0), event(1, timestamp=(NOW + timedelta(days=1)).isoformat()), b"poison"]
    monkeypatch.setattr("crossfade.lake.streams.StreamTable.append", lambda *_: False)
    assert landing(lake).land(batch(None, values), NOW) is None
    assert (offsets(lake, BRONZE), offsets(lake, QUARANTINE)) == ([], [1, 2])
    monkeypatch.undo()
    assert landing(lake).land(batch(None, [*values, b"more poison"]), LATER) == Landed(1, 3)
    assert (offsets(lake, BRONZE), offsets(lake, QUARANTINE)) == ([0], [1, 2, 3])


def test_of_two_consumers_of_a_partition_one_lands_and_the_other_is_fenced(lake: Lake) -> None:
    zombie, owner = landing(lake), landing(lake)
    assert owner.land(batch(None, [event(0), b"poison"]), NOW) == Landed(1, 1)
    assert zombie.land(batch(None, [event(0), b"poison", event(2)]), NOW) is None
    assert (offsets(lake, BRONZE), offsets(lake, QUARANTINE)) == ([0], [1])
    assert zombie.positions([ONE]) == {ONE: 2}
    assert zombie.land(batch(2, [event(2)]), NOW) == Landed(1, 0)


def test_consumers_of_two_partitions_do_not_get_in_each_others_way(lake: Lake) -> None:
    one, two = landing(lake), landing(lake)
    assert one.land(batch(None, [event(0), b"poison"], ONE), NOW) == Landed(1, 1)
    assert two.land(batch(None, [event(1), b"poison"], TWO), NOW) == Landed(1, 1)
    assert one.land(batch(2, [event(2), b"poison"], ONE), NOW) == Landed(1, 1)
    assert offsets(lake, QUARANTINE) == [1, 1, 3]


def test_a_quarantine_that_always_changes_is_given_up(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossfade.lake.streams.StreamTable.append_to_seen", lambda *_: False)
    with pytest.raises(CrossfadeError, match="quarantine could not be written: 20 commits came first"):
        landing(lake).land(batch(None, [b"poison"]), NOW)
    assert landing(lake).positions([ONE]) == {ONE: None}


def test_events_without_ids_get_those_of_an_import_or_their_place(lake: Lake, tmp_path: Path) -> None:
    from crossfade.schema.settings import default_settings
    from crossfade.sources.importing import import_files

    timed = {"user_id": "u", "track_id": "t", "timestamp": "2025-01-01T00:00:00Z", "played_ms": 5}
    untimed = {"user_id": "u", "track_id": "t"}
    values: list[Value] = [
        event(0),
        json.dumps(untimed).encode(),
        json.dumps(timed).encode(),
        json.dumps(untimed).encode(),
    ]
    assert landing(lake).land(batch(None, values), NOW) == Landed(4, 0)
    ids = lake.read(BRONZE, "events").sort_by("source_row").column("event_id").to_pylist()
    place = "kafka://main/listens/0"
    (tmp_path / "events.jsonl").write_text(json.dumps(timed), "utf-8")
    report = import_files(lake, "events", [tmp_path / "events.jsonl"], settings=default_settings())
    assert report.rows_duplicate == 1, "the file's event has the same id"
    assert [ids[0], ids[1], ids[3]] == ["e0", f"{place}/1", f"{place}/3"]
