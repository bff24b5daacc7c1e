"""How alike slates are, and what of a mapped file is in memory."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.packed_vectors import KINDS, resident_bytes, shared


def test_tracks_are_shared_wherever_they_stand() -> None:
    slates, others = np.array([[1, 2, 3], [4, -1, -1]]), np.array([[3, 1, 9], [5, -1, -1]])
    assert shared(slates.astype(np.int32), others.astype(np.int32)) == pytest.approx(2 / 4)
    assert shared(slates.astype(np.int32), slates.astype(np.int32)) == 1


def test_only_pages_that_were_read_are_in_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.ones(1 << 16, np.float32))
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    assert mapped[:].sum() == 1 << 16
    assert (1 << 18) <= resident_bytes(tmp_path / "v.npy") <= (1 << 18) + 8192
    assert resident_bytes(tmp_path / "w.npy") == 0


def test_all_kinds_of_the_setting_are_measured() -> None:
    assert KINDS == ("float32", "float16", "int8")
