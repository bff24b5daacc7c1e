"""Cores are watched while something is measured."""

import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.neighbours import ALONE, Neighbours, watching


def noted(folder: Path, core: int, walks: list[tuple[float, float]], rest: bytes = b"") -> Path:
    """Write what a process would note; returns the file."""
    file = folder / str(core)
    file.write_bytes(np.array(walks).tobytes() + rest)
    return file


def test_a_core_is_slowed_by_the_median_over_what_it_can_do(tmp_path: Path) -> None:
    alone = [(second, 0.001) for second in range(100)]
    shared = [(100.0, 0.0015), (101.0, 0.0016), (102.0, 0.009)]
    neighbours = Neighbours(
        [noted(tmp_path, 0, alone + shared), noted(tmp_path, 1, [(s, 0.001) for s in range(103)])]
    )
    assert neighbours.slowed(0, 99) == 1.0
    assert neighbours.slowed(100, 102) == pytest.approx(1.6)  # of the core that was slowed most


def test_what_nobody_noted_is_not_calm(tmp_path: Path) -> None:
    neighbours = Neighbours([noted(tmp_path, 0, [(1.0, 0.001)], rest=b"half"), tmp_path / "not yet"])
    assert math.isnan(Neighbours([noted(tmp_path, 0, [(1.0, 0.001)])]).slowed(5, 6))
    assert not neighbours.slowed(0, 2) <= ALONE


@pytest.mark.skipif(sys.platform != "linux", reason="processes share a clock there")
def test_real_cores_are_watched_until_the_end_of_the_block() -> None:
    with watching() as neighbours:
        started = time.perf_counter()
        while math.isnan(neighbours.slowed(started, time.perf_counter())):
            assert time.perf_counter() - started < 60, "a process on each core notes something"
            time.sleep(0.1)
        assert neighbours.slowed(started, time.perf_counter()) >= 1.0
        folder = neighbours.files[0].parent
        assert len(neighbours.files) == len(os.sched_getaffinity(0))
    assert not folder.exists()
