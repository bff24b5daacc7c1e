"""A machine, looked at: each check on both outcomes, with numbers that tell them apart."""

import re
import socket
import tomllib
from pathlib import Path

import pytest

from crossfade.cli import doctor_machine as doctor
from crossfade.cli.experiment_watch import watch_command
from crossfade.cli.finding import MISSING, NOTE, OK
from crossfade.cli.serve import serve_command
from crossfade.schema.settings import default_settings, parse_settings

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.mark.parametrize(("found", "state"), [((3, 10), MISSING), ((3, 11), OK), ((3, 12), MISSING)])
def test_python_is_compared_with_the_packages_bounds(found: tuple[int, ...], state: str) -> None:
    finding = doctor.python(PROJECT["requires-python"], found)
    assert finding.state == state
    if state == MISSING:
        assert finding.told == f"Python is 3.{found[1]}, but >=3.11,<3.12 is needed."


def test_an_extra_is_missing_only_where_it_is_asked_for() -> None:
    wanted = [
        "click",
        'click; extra == "report"',
        'no-such-package>=2; extra == "report"',
        "nor-this[fast]; extra == 'bench'",
    ]
    report, bench = doctor.extras(wanted, {"report"})
    assert (report.what, report.state) == ("extra report", MISSING)
    assert report.told == "no-such-package not installed; needed by crossfade run."
    assert report.mend == "pip install 'crossfade[report]'"
    assert (bench.state, bench.told.split()[0]) == (NOTE, "nor-this")
    (well,) = doctor.extras(wanted[:2], set())
    assert (well.state, well.told) == (OK, "for crossfade run")


def test_what_each_extra_is_for_is_told() -> None:
    assert doctor.NEEDED_BY.keys() == PROJECT["optional-dependencies"].keys()


def test_settings_ask_for_extras() -> None:
    run = {"train", "quality", "pipelines", "tracking", "report"}
    assert doctor._asked_for(default_settings(), None) == run
    redis = parse_settings("", ["weekly.store_url=rediss://h:1/0", "lake.engine=spark"])
    assert doctor._asked_for(redis, "h:9092") == run | {"redis", "spark", "kafka"}
    cassandra = parse_settings("", ["weekly.store_url=cassandra://h:1/k"])
    assert doctor._asked_for(cassandra, None) == run | {"cassandra"}


def test_memory_is_the_machines_or_the_containers(tmp_path: Path) -> None:
    assert doctor.total_memory_gib(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:       16777216 kB\nMemFree: 1 kB\n")
    assert doctor.total_memory_gib(tmp_path) == 16.0
    (tmp_path / "sys" / "fs" / "cgroup").mkdir(parents=True)
    limit = tmp_path / "sys" / "fs" / "cgroup" / "memory.max"
    limit.write_text("max\n")
    assert doctor.total_memory_gib(tmp_path) == 16.0
    limit.write_text(f"{3 << 30}\n")
    assert doctor.total_memory_gib(tmp_path) == 3.0


@pytest.mark.parametrize(("total", "state"), [(8.0, OK), (7.9, MISSING), (None, NOTE)])
def test_memory_is_compared_with_a_refresh(total: float | None, state: str) -> None:
    finding = doctor.memory(6, total)
    assert finding.state == state
    if state == MISSING:
        assert finding.told == "7.9 GiB; a refresh of a large lake takes up to 8."
        assert "lake.memory_gib=5" in finding.mend


def test_disk_is_compared_with_the_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    with (lake / "large.parquet").open("wb") as file:
        file.truncate(3 << 30)  # sparse: takes no room
    usage = type("Usage", (), {"free": 2 << 30})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    short = doctor.disk(tmp_path / "not" / "yet", lake)
    assert (short.state, short.told) == (MISSING, f"2.0 GiB free at {tmp_path}; a rebuild needs 3.0.")
    assert doctor.disk(tmp_path, None).state == OK


def test_java_is_missing_only_where_spark_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [doctor.java(is_needed=needed).state for needed in (True, False)] == [MISSING, NOTE]
    program = tmp_path / "java"
    for text, state, told in [
        ('openjdk version "17.0.13"', OK, "Java 17"),
        ('openjdk version "11.0.2"', MISSING, "Java is 11, Spark needs 17."),
        ("no idea", MISSING, "Java is of an unknown version, Spark needs 17."),
    ]:
        program.write_text(f"#!/bin/sh\necho '{text}' >&2\n")
        program.chmod(0o755)
        assert doctor.java(is_needed=True)[1:3] == (state, told)


def test_a_program_that_is_not_there_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    gone = doctor.program("prometheus", "tests")
    assert (gone.state, gone.mend) == (NOTE, "make system")
    (tmp_path / "prometheus").touch(0o755)
    assert doctor.program("prometheus", "tests").told == str(tmp_path / "prometheus")


def test_a_port_that_is_taken_is_a_note() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        number = listening.getsockname()[1]
        taken = doctor.port(number, "the gateway")
        assert (taken.state, taken.told) == (NOTE, "the gateway cannot have it: Address already in use.")
    assert doctor.port(number, "the gateway").state == OK


def test_ports_are_those_that_the_programs_listen_on() -> None:
    (port,) = (option.default for option in serve_command.params if option.name == "port")
    others = [
        int(port)
        for name in ("receiver", "exporter")
        for port in re.findall(
            r'"--port", type=int, default=(\d+)',
            (ROOT / "monitoring" / name / "__main__.py").read_text("utf-8"),
        )
    ]
    (watch,) = (option.default for option in watch_command.params if option.name == "port")
    # docs/serving.md: the next two
    assert list(doctor.PORTS) == [port, port + 1, port + 2, *others, watch]


def test_the_mend_of_a_program_installs_it() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    packages = re.search(r"^SYSTEM_PACKAGES := (.*)$", makefile, re.MULTILINE)
    assert packages is not None
    assert doctor.PROGRAMS.keys() <= set(packages.group(1).split())
