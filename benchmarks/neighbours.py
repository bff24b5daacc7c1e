"""What others on the same processor take from this machine's cores, asked while something is measured.

A virtual core is mostly one of two threads of a physical one. Whoever works on the other thread takes half of its nearest
caches and of what computes, which no counter of the guest shows: a request then takes up to 1.7 times as long
(docs/decisions/0062). What shows it is how long memory takes that fits into the core's own cache. So a process on each core
walks through 256 KiB ten times a second, a thousandth of its time, and notes how long that took.

    python -m benchmarks.neighbours CORE FILE
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

LINE_BYTES: Final = 64
WALK_BYTES: Final = 256 << 10  # of a core's own cache of 1 MiB, beyond the nearest one of 32 KiB
WALKS: Final = 5
PAUSE_SECONDS: Final = 0.1
# Of the median of some seconds, over what the core can do: a core to itself stays below, a shared one is at 1.25 to 2.
ALONE: Final = 1.15
FLOOR_PERCENT: Final = (
    1.0  # of all walks: so fast is a core to itself, as it is now and then in the worst of times
)

Walks = npt.NDArray[np.float64]


class Neighbours:
    """What processes have noted of their cores so far.

    Args:
        files: One a core.
    """

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def slowed(self, since: float, until: float) -> float:
        """Return by how much the core that was slowed most took longer than it can, the median walk between two moments.

        Args:
            since: On the clock of `time.perf_counter`, which all processes of a machine share (Linux).
            until: The end; about a second at least.

        Returns:
            1 and a little for cores that had nobody beside them, NaN where nothing was noted of one.
        """
        ratios = [_slowed(_read(file), since, until) for file in self.files]
        return float(np.max(ratios))  # NaN if one of them is


@contextmanager
def watching() -> Iterator[Neighbours]:
    """Watch every core of this process until the end of the block."""
    with TemporaryDirectory() as folder:
        cores = sorted(os.sched_getaffinity(0))
        files = [Path(folder) / str(core) for core in cores]
        processes = [
            subprocess.Popen([sys.executable, "-m", __spec__.name, str(core), str(file)])
            for core, file in zip(cores, files, strict=True)
        ]
        try:
            yield Neighbours(files)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


def _read(file: Path) -> Walks:
    """Return [n, 2] moments and seconds that a process has noted; what it is writing now is left."""
    noted = file.read_bytes() if file.exists() else b""
    return np.frombuffer(noted[: len(noted) // 16 * 16], np.float64).reshape(-1, 2)


def _slowed(walks: Walks, since: float, until: float) -> float:
    there = (walks[:, 0] >= since) & (walks[:, 0] <= until)
    if not there.any():
        return float("nan")
    return float(np.median(walks[there, 1]) / np.percentile(walks[:, 1], FLOOR_PERCENT))


def _ring() -> npt.NDArray[np.int64]:
    """Return places, each with the one to go to next: all lines of the memory in one round, in no order to be foreseen."""
    lines, numbers = WALK_BYTES // LINE_BYTES, LINE_BYTES // 8
    order = np.random.default_rng(0).permutation(lines)
    ring = np.zeros(lines * numbers, np.int64)
    ring[order * numbers] = np.roll(order, -1) * numbers
    return ring


@numba.njit(cache=True, nogil=True)
def _walk(ring, steps, place):  # type: ignore[no-untyped-def]
    for _ in range(steps):
        place = ring[place]
    return place


def main() -> None:
    """Walk until somebody ends this process."""
    core, file = int(sys.argv[1]), Path(sys.argv[2])
    os.sched_setaffinity(0, {core})
    ring, place = _ring(), 0
    round_ = WALK_BYTES // LINE_BYTES
    with file.open("ab", buffering=0) as notes:
        while True:
            place = _walk(ring, round_, place)  # others have used the cache since
            started = time.thread_time()
            place = _walk(ring, WALKS * round_, place)
            taken = time.thread_time() - started
            notes.write(np.array([time.perf_counter(), taken]).tobytes())
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
