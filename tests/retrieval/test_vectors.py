"""Files of vectors that are damaged or not there."""

from pathlib import Path

import numpy as np
import pytest

from crossfade.retrieval.vectors import load_vectors
from crossfade.schema.errors import IntegrityError


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"gone\.npy is not a whole array of vectors"):
        load_vectors(tmp_path / "gone.npy", 3)


def test_vectors_come_back_memory_mapped(tmp_path: Path) -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.save(tmp_path / "v.npy", vectors)
    loaded = load_vectors(tmp_path / "v.npy", 3)
    assert isinstance(loaded, np.memmap)
    np.testing.assert_array_equal(loaded, vectors)
