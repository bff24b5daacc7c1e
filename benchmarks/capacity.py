"""What a recommender holds in memory and on disk, by the number of tracks and of listeners.

Each world (`benchmarks.weekly.world`) is served by a recommender in a process of its own, which answers each surface once
before it is ready; then its memory is read, the lesser of two starts. What a track and a listener add follows from the worlds
that differ in one of them.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from benchmarks.harness import KIB, Options, Progress, Result, tree_bytes
from benchmarks.serving.services import HOST, started
from benchmarks.weekly.world import settings_of, world_of
from crossfade.schema.settings import default_settings
from serving.ports import free_port

STARTS: Final = 2  # the first one may compile what later ones read from a cache, and holds the compiler


class Size(NamedTuple):
    """Of a world."""

    num_tracks: int
    num_users: int


# The first is what the second has more tracks than, and the third more listeners.
SIZES: Final = Size(10_000, 1_000), Size(50_000, 1_000), Size(10_000, 10_000)
QUICK_SIZES: Final = Size(1_000, 500), Size(5_000, 500), Size(1_000, 2_000)


class Held(NamedTuple):
    """Bytes of a bundle on disk, and of the memory of the process that serves it."""

    disk: int
    memory: int


def run(options: Options) -> Result:
    """Serve three worlds, one after the other.

    Args:
        options: `quick` makes smaller ones.

    Raises:
        NotFoundError: A recommender does not get ready.
    """
    told, held = Progress(), dict[Size, Held]()
    told.add({"quick": options.quick})
    sizes = QUICK_SIZES if options.quick else SIZES
    for size in sizes:
        told.say(f"{size.num_tracks} tracks, {size.num_users} listeners ...")
        with TemporaryDirectory() as made:
            settings = settings_of(default_settings().ranking.model)
            bundle = world_of(Path(made) / "world", *size, settings).bundle
            memory = min(_served_bytes(bundle) for _ in range(STARTS))
            held[size] = Held(_disk_bytes(bundle), memory)
        name = f"{size.num_tracks}_tracks_{size.num_users}_listeners"
        told.add(
            {f"memory_mib_{name}": held[size].memory / KIB**2, f"disk_mib_{name}": held[size].disk / KIB**2}
        )
    told.add(each_adds(*(held[size] for size in sizes), sizes=sizes))
    return Result(
        told.figures, notes=["Vectors of 64 numbers are planted; all else is fitted as in training."]
    )


def each_adds(base: Held, tracks: Held, listeners: Held, *, sizes: tuple[Size, ...]) -> Mapping[str, float]:
    """Return what a track and a listener add, in KiB.

    Args:
        base: Of the first size.
        tracks: Of the second, which has more tracks.
        listeners: Of the third, which has more listeners.
        sizes: Of the three.
    """
    num_tracks = (sizes[1].num_tracks - sizes[0].num_tracks) * KIB
    num_users = (sizes[2].num_users - sizes[0].num_users) * KIB
    return {
        "track_memory_kib": (tracks.memory - base.memory) / num_tracks,
        "track_disk_kib": (tracks.disk - base.disk) / num_tracks,
        "listener_memory_kib": (listeners.memory - base.memory) / num_users,
        "listener_disk_kib": (listeners.disk - base.disk) / num_users,
    }


def _disk_bytes(bundle: Path) -> int:
    return sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())


def _served_bytes(bundle: Path) -> int:
    """Return what a recommender holds once it is ready, in resident bytes."""
    rest, rpc = free_port(HOST), free_port(HOST)
    words = [f"--bundle={bundle}", f"--rest-port={rest}", f"--rpc-port={rpc}"]
    ready = f"http://{HOST}:{rest}/v2/models/crossfade/ready"
    with started(["-m", "serving.recommender", *words], ready) as process:
        return tree_bytes(process.pid)
