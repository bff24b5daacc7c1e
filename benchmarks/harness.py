"""What every benchmark shares: options, figures with bars, timing sides in turn, and the machine."""

import os
import platform
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crossfade.evaluation.trial import DataFiles

KIB: Final = 1024
POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Options:
    """What `crossfade bench` passes on.

    Args:
        quick: Take under a minute, at the cost of precision.
        directory: A directory that `crossfade demo` made, to measure on its data; None simulates some.
        files: Data to measure on instead.
        ks: List lengths, the headline first; empty takes the benchmark's own.
        num_seeds: Train with so many seeds.
        num_listens: Measure on about so many listens; 0 takes the benchmark's own number.
        revision: Of Git: the version that is upgraded from; empty is this checkout.
    """

    quick: bool = False
    directory: Path | None = None
    files: DataFiles | None = None
    ks: tuple[int, ...] = ()
    num_seeds: int = 1
    num_listens: int = 0
    revision: str = ""


@dataclass(frozen=True)
class Bar:
    """A limit that a figure must keep; exactly one side is set."""

    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the figure keeps its limit; NaN does not."""
        enough = self.at_least is None or self.value >= self.at_least
        return enough and (self.at_most is None or self.value <= self.at_most)

    def as_json(self) -> dict[str, float | bool]:
        """Return value, limit and whether it holds."""
        side = {"at_least": self.at_least, "at_most": self.at_most}
        return {"value": self.value, **{k: v for k, v in side.items() if v is not None}, "holds": self.holds}


@dataclass(frozen=True)
class Result:
    """What a benchmark found.

    Args:
        figures: Name with its unit -> value.
        bars: Name of a figure -> its limit.
        notes: Lines for people: what was compared with what, and tables.
    """

    figures: Mapping[str, float | int | str | bool]
    bars: Mapping[str, Bar] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def as_json(self, name: str) -> dict[str, object]:
        """Return the object that `crossfade bench --json` prints."""
        bars = {figure: bar.as_json() for figure, bar in self.bars.items()}
        return {"name": name, "machine": machine(), "figures": dict(self.figures), "bars": bars}


class Progress:
    """Figures as they come, told at once on stderr: a benchmark of minutes that is ended early has said what it knew.

    After use: `figures`, rounded to a thousandth.
    """

    def __init__(self) -> None:
        self.figures: dict[str, float | int | str | bool] = {}
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line, with the seconds since the beginning."""
        sys.stderr.write(f"[{time.monotonic() - self._started:5.0f} s] {text}\n")
        sys.stderr.flush()

    def measure(self, part: str, work: Callable[[], Mapping[str, float | int | str | bool]]) -> None:
        """Say what is measured, measure it, and print and keep what was found."""
        self.say(f"{part} ...")
        self.add(work())

    def add(self, found: Mapping[str, float | int | str | bool]) -> None:
        """Print and keep figures."""
        for name, value in found.items():
            self.figures[name] = round(value, 3) if isinstance(value, float) else value
            self.say(f"  {name} {self.figures[name]}")


def machine() -> dict[str, str | int | float]:
    """Return what the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / KIB**3
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def in_turn(sides: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Time each side `repeats` times, one after the other in each round, after one round to warm up.

    Returns:
        Side -> [repeats] seconds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats + 1):
        for name, side in sides.items():
            started = time.perf_counter()
            side()
            seconds[name].append(time.perf_counter() - started)
    return {name: taken[1:] for name, taken in seconds.items()}


def median_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the distance between the quartiles."""
    if len(values) < 2:
        return statistics.median(values), 0.0
    lower, middle, upper = statistics.quantiles(values, n=4, method="inclusive")
    return middle, upper - lower


@dataclass(frozen=True)
class Run:
    """One command's run: wall time, the most memory that it and its children held together, and their processor time."""

    seconds: float
    peak_bytes: int
    exit_code: int
    output: str
    cpu_seconds: float = 0.0


def run_measured(command: Sequence[str], directory: Path | None = None) -> Run:
    """Run a command and watch the resident memory of its whole process tree (Linux); no other child may end meanwhile."""
    started, cpu = time.perf_counter(), _childrens_seconds()
    process = subprocess.Popen(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    watch = _Watch(process.pid)
    watch.start()
    output = process.communicate()[0]
    seconds = time.perf_counter() - started
    return Run(seconds, watch.stop(), process.returncode, output, _childrens_seconds() - cpu)


def _childrens_seconds() -> float:
    """Return the processor time of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Watch(threading.Thread):
    """Samples the memory of a process tree until stopped; a thread, since the caller waits for the output."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self._peak_bytes = 0

    def run(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            self._peak_bytes = max(self._peak_bytes, tree_bytes(self._pid))

    def stop(self) -> int:
        self._ended.set()
        self.join()
        return self._peak_bytes


def tree_bytes(pid: int) -> int:
    """Return the resident bytes of a process and all its descendants, shared pages split between them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            children.setdefault(_parent(entry), []).append(int(entry.name))
    total, waiting = 0, [pid]
    while waiting:
        current = waiting.pop()
        total += _resident_bytes(Path("/proc") / str(current))
        waiting += children.get(current, [])
    return total


def _parent(process: Path) -> int:
    """Return the parent's pid; a process that ended meanwhile has none (0)."""
    try:
        return int((process / "stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _resident_bytes(process: Path) -> int:
    try:
        lines = (process / "smaps_rollup").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * KIB for line in lines if line.startswith("Pss:"))
