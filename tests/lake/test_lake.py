"""A lake opens what it made, refuses what it cannot read, and writes whole versions or nothing."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from crossfade.lake.lake import BRONZE, GOLD, QUARANTINE, SILVER, Lake
from crossfade.schema.errors import CrossfadeError, InputError, IntegrityError, NotFoundError

ONE = pa.table({"number": [1]})
TWO = pa.table({"number": [2, 3]})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake")


def numbers(lake: Lake, version: int | None = None) -> list[int]:
    return sorted(lake.read(BRONZE, "events", version).column("number").to_pylist())


def test_every_write_is_a_version_and_old_ones_stay_readable(lake: Lake) -> None:
    assert lake.version(BRONZE, "events") is None
    assert lake.num_rows(BRONZE, "events") == 0
    lake.append(BRONZE, "events", ONE)
    lake.append(BRONZE, "events", pa.RecordBatchReader.from_batches(TWO.schema, TWO.to_batches()))
    lake.overwrite(BRONZE, "events", pa.table({"number": [9], "more": ["x"]}))
    lake.append(SILVER, "events", ONE)
    assert [numbers(lake, version) for version in (0, 1, 2, None)] == [[1], [1, 2, 3], [9], [9]]
    assert lake.versions() == {"bronze/events": 2, "silver/events": 0}
    assert lake.num_rows(BRONZE, "events") == 1
    assert lake.dataset(BRONZE, "events", 1).count_rows() == 3
    assert all(file.is_file() for file in lake.files(BRONZE, "events"))


def test_a_commit_keeps_what_it_was_told(lake: Lake) -> None:
    lake.append(BRONZE, "events", ONE, {"note": "first"})
    lake.append(BRONZE, "events", ONE, {"note": "second"})
    assert [commit["note"] for commit in lake.history(BRONZE, "events")] == ["second", "first"]


def test_an_opened_lake_is_the_one_that_was_made(lake: Lake) -> None:
    lake.append(BRONZE, "events", ONE)
    assert numbers(Lake.open(lake.path)) == [1]
    assert numbers(Lake.create(lake.path)) == [1]


def test_paths_with_spaces_and_other_letters_work(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "my läke {1}#'s")
    lake.append(BRONZE, "events", ONE)
    assert numbers(lake) == [1]
    assert all(file.is_file() for file in lake.files(BRONZE, "events"))


@pytest.mark.parametrize("name", ["a[b]", "100%", "what?"])
def test_a_path_that_delta_cannot_write_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"must not contain .*, got .*; name another path"):
        Lake.create(tmp_path / name)


def test_a_missing_lake_is_named_with_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no lake at .*nowhere.*crossfade import events FILE --lake"):
        Lake.open(tmp_path / "nowhere")


def test_a_directory_in_other_use_is_not_made_a_lake(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match=r"is not a lake .* holds photo.jpg"):
        Lake.create(tmp_path)
    with pytest.raises(InputError, match=r"A lake is a directory, but .*photo.jpg is a file"):
        Lake.create(tmp_path / "photo.jpg")
    assert [file.name for file in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_lake_that_was_killed_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / ".lake.json.123").write_text("{", "utf-8")
    (tmp_path / ".lock").touch()
    assert Lake.create(tmp_path).versions() == {}


def test_a_lake_that_is_removed_and_filled_anew_is_another_at_equal_versions(lake: Lake) -> None:
    lake.append(BRONZE, "events", ONE)
    before = lake.pins()
    assert Lake.open(lake.path).pins() == Lake.create(lake.path).pins() == before
    assert lake.pinned(before) == {"bronze/events": 0}
    shutil.rmtree(lake.path)
    again = Lake.create(lake.path)
    again.append(BRONZE, "events", TWO)
    assert again.versions() == {"bronze/events": 0}
    assert again.pins() != before
    with pytest.raises(
        IntegrityError,
        match=rf"is '{again.id}', but the versions to read are of '\w{{8}}', .* run this again",
    ):
        again.pinned(before)


def test_a_lake_of_a_release_without_ids_has_an_empty_one(lake: Lake) -> None:
    (lake.path / "lake.json").write_text('{"schema_version": 1}', "utf-8")
    assert Lake.create(lake.path).id == ""
    assert lake.pinned(lake.pins()) == {}


def test_a_lake_of_a_newer_schema_is_refused_with_both_versions(lake: Lake) -> None:
    (lake.path / "lake.json").write_text(json.dumps({"schema_version": 7}), "utf-8")
    for way in (Lake.open, Lake.create):
        with pytest.raises(IntegrityError, match=r"schema version 7, but .* up to 1; use a newer Crossfade"):
            way(lake.path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema_version": "x"}'])
def test_an_unreadable_lake_file_is_named(lake: Lake, text: str) -> None:
    (lake.path / "lake.json").write_text(text, "utf-8")
    with pytest.raises(IntegrityError, match=r"lake.json must say the lake's schema_version"):
        Lake.open(lake.path)


@pytest.mark.parametrize(
    ("layer", "mend"),
    [(BRONZE, "crossfade import"), (GOLD, "crossfade lake refresh"), (QUARANTINE, "ever refused")],
)
def test_a_missing_table_says_how_to_get_it(lake: Lake, layer: str, mend: str) -> None:
    with pytest.raises(NotFoundError, match=rf"no table {layer}/events; .*{mend}"):
        lake.read(layer, "events")


def test_a_missing_version_is_named(lake: Lake) -> None:
    lake.append(BRONZE, "events", ONE)
    with pytest.raises(NotFoundError, match=r"no version 4 of bronze/events; its newest is 0"):
        lake.read(BRONZE, "events", 4)


def test_only_one_process_writes_at_a_time_and_its_scratch_is_gone_afterwards(lake: Lake) -> None:
    (lake.path / ".scratch").mkdir()
    (lake.path / ".scratch" / "left behind").touch()
    with lake.writing() as scratch:
        assert list(scratch.iterdir()) == []
        (scratch / "file").touch()
        with pytest.raises(InputError, match="Another process is writing to the lake"), lake.writing():
            pass
    assert not scratch.exists()
    with lake.writing():
        pass


FULL_DISK = """
import resource, sys
import pyarrow as pa
from pathlib import Path
from crossfade.lake.lake import BRONZE, Lake
from crossfade.schema.errors import CrossfadeError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
lake = Lake.open(Path(sys.argv[1]))
try:
    with lake.writing() as scratch:
        if sys.argv[2] == "scratch":
            (scratch / "file").write_bytes(bytes(200_000))
        lake.append(BRONZE, "events", pa.table({"number": range(1_000_000)}))
except CrossfadeError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="files cannot be limited on this system")
@pytest.mark.parametrize("where", ["scratch", "table"])
def test_a_full_disk_is_one_line_and_leaves_the_lake_as_it_was(lake: Lake, where: str) -> None:
    lake.append(BRONZE, "events", ONE)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(lake.path), where], check=True, capture_output=True, text=True
    )
    assert "could not be written" in done.stdout
    assert "What stood there is unchanged; make room" in done.stdout
    assert numbers(lake) == [1]


def test_a_table_that_cannot_be_written_is_named(lake: Lake) -> None:
    (lake.path / BRONZE).write_text("in the way", "utf-8")
    with pytest.raises(CrossfadeError, match=r"bronze/events could not be written"):
        lake.append(BRONZE, "events", ONE)
