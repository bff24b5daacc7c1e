"""What others on the same processor take from this machine's cores, asked while something is measured.

A virtual core is mostly one of two threads of a physical one. Whoever works on the other thread takes a part of what computes
and of the nearest caches, which no counter of the guest shows: a request then takes up to 1.7 times as long
(docs/decisions/0062). What shows it is a sum that keeps all of a core's adders busy and needs no memory. So a process on each
core adds up ten times a second, for a five hundredth of its time, and notes how long that took.

    python -m benchmarks.neighbours CORE FILE
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

STEPS: Final = 40_000  # 57 µs alone, 63 to 76 beside somebody
SUMS: Final = 3  # of which the fastest is noted: an interrupt is no neighbour
PAUSE_SECONDS: Final = 0.1
BESIDE: Final = 1.08  # times as long as alone
FLOOR_PERCENT: Final = (
    1.0  # of all notes: so fast is a core alone, as it is now and then in the worst of times
)
# Of the moments of some seconds: where somebody was beside a core for longer, it was not alone.
CALM: Final = 0.2

Notes = npt.NDArray[np.float64]


class Neighbours:
    """What processes have noted of their cores so far.

    Args:
        files: By core.
    """

    def __init__(self, files: Mapping[int, Path]) -> None:
        self.files = files

    def shared(self, cores: Sequence[int], since: float, until: float) -> float:
        """Return for what share of the time somebody was beside the core that worked.

        Args:
            cores: Where it was when it was looked for; one that sleeps is put wherever there is room, mostly beside somebody.
            since: On the clock of `time.perf_counter`, which all processes of a machine share (Linux).
            until: The end; about a second later at least.

        Returns:
            From 0 to 1; NaN where nothing was noted of a core.
        """
        of_core = {core: _shared(_read(self.files[core]), since, until) for core in set(cores)}
        return float(np.mean([of_core[core] for core in cores]))


@contextmanager
def watching() -> Iterator[Neighbours]:
    """Watch every core of this process until the end of the block."""
    with TemporaryDirectory() as folder:
        files = {core: Path(folder) / str(core) for core in os.sched_getaffinity(0)}
        processes = [
            subprocess.Popen([sys.executable, "-m", __spec__.name, str(core), str(file)])
            for core, file in files.items()
        ]
        try:
            yield Neighbours(files)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


def _read(file: Path) -> Notes:
    """Return [n, 2] moments and seconds that a process has noted; what it is writing now is left."""
    noted = file.read_bytes() if file.exists() else b""
    return np.frombuffer(noted[: len(noted) // 16 * 16], np.float64).reshape(-1, 2)


def _shared(notes: Notes, since: float, until: float) -> float:
    there = (notes[:, 0] >= since) & (notes[:, 0] <= until)
    if not there.any():
        return float("nan")
    return float(np.mean(notes[there, 1] > BESIDE * np.percentile(notes[:, 1], FLOOR_PERCENT)))


@numba.njit(cache=True, nogil=True)
def _sum(steps):  # type: ignore[no-untyped-def]
    """Add in four lines that hardly wait for each other."""
    a, b, c, d = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    e, f, g, h = np.uint64(5), np.uint64(6), np.uint64(7), np.uint64(8)
    for step in range(steps):
        number = np.uint64(step)
        a, c, e, g = a + (b ^ number), c + (d ^ a), e + (f ^ number), g + (h ^ e)
        b, d, f, h = b ^ (number + a), d ^ c, f ^ (number + e), h ^ g
    return a + b + c + d + e + f + g + h


def _seconds() -> float:
    started = time.thread_time()
    _sum(STEPS)
    return time.thread_time() - started


def main() -> None:
    """Add up until somebody ends this process."""
    core, file = int(sys.argv[1]), Path(sys.argv[2])
    os.sched_setaffinity(0, {core})
    _sum(1)
    with file.open("ab", buffering=0) as notes:
        while True:
            taken = min(_seconds() for _ in range(SUMS))
            notes.write(np.array([time.perf_counter(), taken]).tobytes())
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
