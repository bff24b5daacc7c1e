"""Cores are watched while something is measured."""

import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.neighbours import BESIDE, CALM, Neighbours, watching

ALONE = 0.001


def noted(folder: Path, core: int, notes: list[tuple[float, float]], rest: bytes = b"") -> Path:
    """Write what a process would note; returns the file."""
    file = folder / str(core)
    file.write_bytes(np.array(notes).tobytes() + rest)
    return file


def test_a_core_is_shared_while_sums_take_longer_than_they_can(tmp_path: Path) -> None:
    alone = [(second, ALONE) for second in range(200)]
    beside = [(100.0 + second, BESIDE * ALONE * (1.1 if second < 3 else 0.99)) for second in range(10)]
    neighbours = Neighbours({0: noted(tmp_path, 0, alone[:100] + beside), 1: noted(tmp_path, 1, alone)})
    assert neighbours.shared((0, 1), 0, 99) == 0
    assert neighbours.shared((0,), 100, 109) == pytest.approx(0.3)
    assert neighbours.shared((1, 0, 1), 100, 109) == pytest.approx(
        0.1
    )  # it was on core 0 for a third of the time
    assert neighbours.shared((0,), 103, 109) == neighbours.shared((1,), 100, 109) == 0


def test_what_nobody_noted_is_not_calm(tmp_path: Path) -> None:
    whole = noted(tmp_path, 0, [(1.0, ALONE)], rest=b"half")
    assert Neighbours({0: whole}).shared((0,), 0, 2) == 0
    assert math.isnan(Neighbours({0: whole}).shared((0,), 5, 6))
    assert not Neighbours({0: whole, 1: tmp_path / "not yet"}).shared((0, 1), 0, 2) <= CALM


@pytest.mark.skipif(sys.platform != "linux", reason="processes share a clock there")
def test_real_cores_are_watched_until_the_end_of_the_block() -> None:
    with watching() as neighbours:
        started, cores = time.perf_counter(), sorted(os.sched_getaffinity(0))
        while math.isnan(neighbours.shared(cores, started, time.perf_counter())):
            assert time.perf_counter() - started < 60, "a process on each core notes something"
            time.sleep(0.1)
        assert 0 <= neighbours.shared(cores, started, time.perf_counter()) <= 1
    assert not any(file.parent.exists() for file in neighbours.files.values())
