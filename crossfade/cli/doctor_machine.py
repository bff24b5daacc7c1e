"""What a machine has and lacks: Python, extras, memory, disk, Java, programs and ports."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Final

from crossfade.cli.finding import MISSING, NOTE, OK, Finding
from crossfade.schema.settings import Settings

GIB: Final = 1 << 30
RUN: Final = "crossfade run"
NEEDED_BY: Final = {  # extras, and what does without any of them
    "train": RUN,
    "quality": RUN,
    "pipelines": RUN,
    "tracking": RUN,
    "report": RUN,
    "serving": "crossfade serve",
    "monitoring": "the receiver and the exporter",
    "tracing": "OTEL_TRACES_EXPORTER",
    "kafka": "crossfade ingest kafka, and --brokers",
    "spark": "lake.engine=spark",
    "redis": "a store at redis://",
    "cassandra": "a store at cassandra://",
    "feast": "the repository for Feast",
    "audio": "two_tower.audio_folder with FLAC files",
    "dashboards": "changing the dashboards of Grafana",
    "bench": "crossfade bench",
    "dev": "make test",
}
PROGRAMS: Final = {
    "redis-server": "tests of the Redis store, or a Redis on this machine",
    "prometheus": "tests of the rules, or a Prometheus on this machine",
}
PORTS: Final = {  # the defaults
    8080: "the gateway of crossfade serve",
    8081: "the recommender of crossfade serve",
    8082: "its gRPC",
    8090: "python -m monitoring.receiver",
    8091: "python -m monitoring.exporter",
    8092: "crossfade experiment watch",
}
JAVA: Final = (17, 21)  # that Spark 4.0 runs on
ABOVE_DUCKDB_GIB: Final = 2  # that a process takes beyond lake.memory_gib
LEAST_DISK_GIB: Final = 1.0  # for logs, bundles and reports of a small installation
_REQUIREMENT: Final = re.compile(r"([\w.-]+).*;.*extra == [\"']([\w-]+)[\"']")


def machine(settings: Settings, brokers: str | None, place: Path, lake: Path | None) -> Iterator[Finding]:
    """Look at this machine.

    Args:
        settings: What they ask for must be there; the rest is noted.
        brokers: Kafka's, if any.
        place: Where results are written; the first parent that exists is looked at.
        lake: Its size is what a rebuild needs once more.
    """
    yield python(str(metadata("crossfade")["Requires-Python"]), sys.version_info[:2])
    yield from extras(requires("crossfade") or [], _asked_for(settings, brokers))
    yield memory(settings.lake.memory_gib, total_memory_gib())
    yield disk(place, lake)
    yield java(is_needed=settings.lake.engine == "spark")
    yield from (program(name, use) for name, use in PROGRAMS.items())
    yield from (port(number, use) for number, use in PORTS.items())


def _asked_for(settings: Settings, brokers: str | None) -> set[str]:
    scheme = settings.weekly.store_url.partition("://")[0]
    return {
        *(extra for extra, use in NEEDED_BY.items() if use == RUN),
        *(["spark"] if settings.lake.engine == "spark" else []),
        *(["redis"] if scheme in ("redis", "rediss") else []),
        *(["cassandra"] if scheme == "cassandra" else []),
        *(["kafka"] if brokers else []),
    }


def python(wanted: str, found: tuple[int, ...]) -> Finding:
    """Compare Python's version with what the package asks for, such as `<3.12,>=3.11`."""
    bounds = {
        sign: (int(major), int(minor)) for sign, major, minor in re.findall(r"(>=|<)(\d+)\.(\d+)", wanted)
    }
    text = ".".join(map(str, found))
    if bounds.get(">=", (0, 0)) <= found < bounds.get("<", (99, 0)):
        return Finding("python", OK, text)
    return Finding("python", MISSING, f"Python is {text}, but {wanted} is needed.", "install Python 3.11")


def extras(requirements: list[str], needed: set[str]) -> Iterator[Finding]:
    """Tell of each extra of the package which of its requirements are not installed."""
    members: dict[str, list[str]] = {}
    for match in filter(None, map(_REQUIREMENT.match, requirements)):
        members.setdefault(match.group(2), []).append(match.group(1))
    for extra, packages in members.items():
        gone = sorted(name for name in packages if not _is_installed(name))
        use = NEEDED_BY.get(extra, "more")
        if not gone:
            yield Finding(f"extra {extra}", OK, f"for {use}")
            continue
        state = MISSING if extra in needed else NOTE
        told = f"{', '.join(gone)} not installed; needed by {use}."
        yield Finding(f"extra {extra}", state, told, f"pip install 'crossfade[{extra}]'")


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def total_memory_gib(root: Path = Path("/")) -> float | None:
    """Return GiB of the machine, or of the container if that is less; None where Linux does not tell."""
    found = []
    for path, pattern, unit in (
        ("proc/meminfo", r"MemTotal:\s+(\d+) kB", 1024),
        ("sys/fs/cgroup/memory.max", r"(\d+)", 1),
    ):
        if (root / path).is_file() and (match := re.match(pattern, (root / path).read_text("utf-8"))):
            found.append(int(match.group(1)) * unit / GIB)
    return min(found, default=None)


def memory(duckdb_gib: float, total_gib: float | None) -> Finding:
    """Compare memory with what a refresh of the lake may take."""
    needed = duckdb_gib + ABOVE_DUCKDB_GIB
    if total_gib is None:
        return Finding("memory", NOTE, "How much there is cannot be read here.", f"have {needed:g} GiB")
    told = f"{total_gib:.1f} GiB; a refresh of a large lake takes up to {needed:g}"
    if total_gib >= needed:
        return Finding("memory", OK, told)
    less = max(1, int(total_gib) - ABOVE_DUCKDB_GIB)
    return Finding(
        "memory", MISSING, f"{told}.", f"--set lake.memory_gib={less}, which spills to disk sooner"
    )


def disk(place: Path, lake: Path | None) -> Finding:
    """Compare free disk with what a rebuild of the lake writes."""
    there = next(path for path in (place.absolute(), *place.absolute().parents) if path.exists())
    files = [path for path in lake.rglob("*") if path.is_file()] if lake else []
    needed = max(LEAST_DISK_GIB, sum(path.stat().st_size for path in files) / GIB)
    free = shutil.disk_usage(there).free / GIB
    told = f"{free:.1f} GiB free at {there}; a rebuild needs {needed:.1f}"
    if free >= needed:
        return Finding("disk", OK, told)
    mend = "make room: crossfade lake compact, older runs and bundles of the workspace"
    return Finding("disk", MISSING, f"{told}.", mend)


def java(*, is_needed: bool) -> Finding:
    """Look for the Java that Spark runs on."""
    mend = f"install Java {JAVA[0]}, or leave lake.engine at duckdb"
    state = MISSING if is_needed else NOTE
    program = shutil.which("java")
    if program is None:
        return Finding("java", state, "There is no java on the PATH; lake.engine=spark needs it.", mend)
    told = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(\d+)', told)
    number = int(match.group(1)) if match else 0
    if number in JAVA:
        return Finding("java", OK, f"Java {number}")
    return Finding(
        "java", state, f"Java is {number or 'of an unknown version'}, Spark needs {JAVA[0]}.", mend
    )


def program(name: str, use: str) -> Finding:
    """Look for a program that only tests and trials on one machine use."""
    if place := shutil.which(name):
        return Finding(name, OK, place)
    return Finding(name, NOTE, f"There is no {name} on the PATH; only {use} needs it.", "make system")


def port(number: int, use: str) -> Finding:
    """Tell whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            told = f"{use} cannot have it: {error.strerror}."
            return Finding(f"port {number}", NOTE, told, "end what listens there, or choose with --port")
    return Finding(f"port {number}", OK, f"free, for {use}")
