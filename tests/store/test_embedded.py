import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from crossfade.schema.errors import CrossfadeError, InputError, IntegrityError
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.environment import EmbeddedWriter
from tests.store.slates import READ, SURFACE, generation, publish, run, slates


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "store")


def test_readers_of_other_processes_see_one_generation_only(store: EmbeddedStore) -> None:
    publish(store, "g00")
    readers = [run(READ, store) for _ in range(2)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    end = time.monotonic() + 2
    number = 0
    while time.monotonic() < end:
        number += 1
        publish(store, f"g{number:05d}")
        if number % 3 == 0:
            store.rollback(SURFACE)
        store.prune(SURFACE, 2)
    (store.directory / "stop").touch()
    for reader in readers:
        output, _ = reader.communicate(timeout=30)
        assert reader.returncode == 0
        reads, generations_seen = map(int, output.split())
        assert reads > generations_seen > 2


WRITE = """
import sys
from pathlib import Path
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.environment import EmbeddedWriter
from tests.store.slates import SURFACE, generation, slates
store = EmbeddedStore(Path(sys.argv[1]))
with store.begin(generation("g2")) as writer:
    number = 0
    while True:
        writer.put_many(slates("g2", [f"{number:09d}"]))
        number += 1
        print(number, flush=True)
"""


def test_a_killed_writer_leaves_the_live_generation_and_is_cleared_away(store: EmbeddedStore) -> None:
    publish(store, "g1")
    writer = run(WRITE, store)
    assert writer.stdout is not None
    writer.stdout.readline()
    with pytest.raises(InputError, match=r"Another process is publishing discover_weekly .* wait for it"):
        publish(store, "g3")
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    assert store.live(SURFACE) == "g1"
    assert [known.name for known in store.generations(SURFACE)] == ["g1"]
    assert (store.directory / SURFACE / ".partial").exists()
    publish(store, "g2")
    assert store.live(SURFACE) == "g2"
    assert not (store.directory / SURFACE / ".partial").exists()
    assert len(store.reader(SURFACE)) == 3


AGAIN = """
import os, shutil, signal, sys
from pathlib import Path
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.environment import EmbeddedWriter
from tests.store.slates import publish
removed = shutil.rmtree
def die(path, **options):
    if Path(path).name == ".removed-g1" and Path(path).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    removed(path, **options)
shutil.rmtree = die
publish(EmbeddedStore(Path(sys.argv[1])), "g1", sys.argv[2].split())
print("published")
"""


def test_the_live_generation_published_again_stays_where_it_is(store: EmbeddedStore) -> None:
    publish(store, "g1")
    home = store.directory / SURFACE / "g1"
    before = [path.stat().st_ino for path in (home, home / "generation.json", home / "data.mdb")]
    output, _ = run(AGAIN, store, "a b c").communicate(timeout=60)
    assert output == "published\n"
    assert [path.stat().st_ino for path in (home, home / "generation.json", home / "data.mdb")] == before


@pytest.mark.parametrize("length", [0, 5000])
def test_a_damaged_live_generation_published_again_is_mended_also_by_one_that_is_killed_while_removing(
    store: EmbeddedStore, length: int
) -> None:
    publish(store, "g1")
    data = store.directory / SURFACE / "g1" / "data.mdb"
    data.write_bytes(data.read_bytes()[:length])
    again = run(AGAIN, store, "a b c")
    again.communicate(timeout=60)
    assert again.returncode == -signal.SIGKILL
    assert store.get(SURFACE, "c") is not None
    assert len(store.reader(SURFACE)) == 3
    store.prune(SURFACE, 2)
    assert not list((store.directory / SURFACE).glob(".removed-*"))


def test_readers_of_other_processes_read_on_while_the_live_generation_is_published_again(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed = shutil.rmtree

    def slowly(path: Path, **options: bool) -> None:
        if path.exists():
            time.sleep(0.3)  # longer than a reader tries again
        removed(path, **options)

    publish(store, "g1")
    monkeypatch.setattr("shutil.rmtree", slowly)
    reader = run(READ, store)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for users in ("abc", "abc", "abcd", "abcd", "abc"):
        publish(store, "g1", list(users))
    (store.directory / "stop").touch()
    output, _ = reader.communicate(timeout=30)
    assert reader.returncode == 0
    assert int(output.split()[0]) > 1


FILL = """
import resource, sys
from pathlib import Path
from crossfade.schema.errors import CrossfadeError
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.environment import EmbeddedWriter
from tests.store.slates import SURFACE, generation, slates
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
store = EmbeddedStore(Path(sys.argv[1]))
try:
    with store.begin(generation("g2")) as writer:
        for start in range(0, 4000, 1000):
            writer.put_many(slates("g2", [f"{number:09d}" for number in range(start, start + 1000)]))
    store.activate(SURFACE, "g2")
except CrossfadeError as error:
    print(error)
"""


@pytest.mark.parametrize("limit_bytes", [0, 100_000])
def test_a_full_disk_is_one_clear_error_and_leaves_the_live_generation(
    store: EmbeddedStore, limit_bytes: int
) -> None:
    publish(store, "g1")
    output, _ = run(FILL, store, str(limit_bytes)).communicate(timeout=60)
    assert output.startswith("Generation g2 of discover_weekly could not be written to ")
    assert "The live generation is unchanged and what was written is removed; free space" in output
    assert len(output.splitlines()) == 1
    assert sorted(path.name for path in (store.directory / SURFACE).iterdir()) == [
        ".lock",
        ".writing",
        "CURRENT",
        "g1",
    ]
    assert store.live(SURFACE) == "g1"
    assert len(store.reader(SURFACE)) == 3
    output, _ = run(FILL, store, str(1 << 30)).communicate(timeout=60)
    assert output == ""
    assert len(EmbeddedStore(store.directory).reader(SURFACE)) == 4000


def test_a_full_disk_at_activation(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(store, "g1")

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("crossfade.store.embedded.replace_file", full)
    with pytest.raises(
        CrossfadeError, match=r"CURRENT could not be written: .*No space left .* What was live still is"
    ):
        publish(store, "g2")
    assert store.live(SURFACE) == "g1"


def test_the_map_grows_with_the_generation(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossfade.store.environment.FIRST_MAP_BYTES", 1 << 16)
    users = [f"{number:06d}" for number in range(2000)]
    publish(store, "g1", users)
    assert len(store.reader(SURFACE)) == 2000
    last = store.get(SURFACE, users[-1])
    assert last is not None
    assert last.track_ids == tuple(slates("g1", users).column("track_ids")[-1].as_py())


def test_a_disk_that_gives_back_something_else_is_noticed(store: EmbeddedStore) -> None:
    class Forgetful:
        """Stands in for LMDB on a failing disk: it takes everything and gives back nothing."""

        def __init__(self, **_: object) -> None: ...

        def begin(self, **_: object) -> "Forgetful":
            return self

        cursor = begin

        def __enter__(self) -> "Forgetful":
            return self

        def __exit__(self, *_: object) -> None: ...

        def putmulti(self, *_: object, **__: object) -> None: ...

        def last(self) -> bool:
            return False

        def getmulti(self, keys: list[bytes]) -> list[tuple[bytes, bytes]]:
            return []

    writer = EmbeddedWriter(generation("g1"), Forgetful())
    with pytest.raises(
        IntegrityError, match=r"gives back other values than were written to g1; check the disk"
    ):
        writer.put_many(slates("g1", ["a"]))


def test_a_writer_keeps_neither_rollback_nor_readers_waiting(store: EmbeddedStore) -> None:
    publish(store, "g1")
    publish(store, "g2")
    with store.begin(generation("g3")) as writer:
        writer.put_many(slates("g3", ["a"]))
        assert store.rollback(SURFACE) == "g1"
        assert store.get(SURFACE, "a") is not None


def test_a_damaged_generation_says_so(store: EmbeddedStore) -> None:
    publish(store, "g1")
    home = store.directory / SURFACE / "g1"
    about = (home / "generation.json").read_text("utf-8")
    (home / "generation.json").write_text(about[:-5], "utf-8")
    with pytest.raises(IntegrityError, match=r"generation\.json is damaged .* publish the generation again"):
        EmbeddedStore(store.directory).get(SURFACE, "a")
    (home / "generation.json").write_text(about, "utf-8")
    (home / "data.mdb").unlink()
    (home / "data.mdb").write_bytes(b"x" * 8192)
    with pytest.raises(IntegrityError, match=r"data\.mdb is damaged: .* roll back or publish"):
        EmbeddedStore(store.directory).get(SURFACE, "a")


def test_a_live_generation_that_is_gone_says_so(store: EmbeddedStore) -> None:
    publish(store, "g1")
    publish(store, "g2")
    (store.directory / SURFACE / "g2").rename(store.directory / "elsewhere")
    with pytest.raises(
        IntegrityError, match=r"g2 of discover_weekly is named as live but is not there .* rollback"
    ):
        store.get(SURFACE, "a")
    store.rollback(SURFACE)
    assert store.get(SURFACE, "a") is not None


def test_a_generation_can_be_read_where_nothing_may_be_written(store: EmbeddedStore) -> None:
    publish(store, "g1")
    for path in (store.directory / SURFACE).rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    assert EmbeddedStore(store.directory).get(SURFACE, "b") is not None
    for path in (store.directory / SURFACE).rglob("*"):
        path.chmod(0o700)
