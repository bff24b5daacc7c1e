"""How near candidates are to a history, against sums written out in NumPy."""

import numpy as np
import pytest

from crossfade.features.affinities import products
from crossfade.features.vectors import packed


def test_products_are_inner_products_and_padding_has_none() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8]], np.float32)
    told = products(vectors, np.array([[1, -1], [0, 1]], np.int32), np.array([[1, 1], [2, 0]], np.float32))
    np.testing.assert_allclose(told, [[1.4, np.nan], [2, 1.2]], rtol=1e-6)


@pytest.mark.parametrize("kept_as", ["float32", "float16", "int8"])
def test_products_read_vectors_however_they_are_kept(kept_as: str) -> None:
    random = np.random.default_rng(5)
    vectors = packed(random.normal(size=(9, 8)).astype(np.float32), kept_as)  # type: ignore[arg-type]
    rows, wanted = (
        random.integers(-1, 9, (4, 6)).astype(np.int32),
        random.normal(size=(4, 8)).astype(np.float32),
    )
    expected = np.where(rows >= 0, np.einsum("nci,ni->nc", vectors[np.maximum(rows, 0)], wanted), np.nan)
    np.testing.assert_allclose(products(vectors, rows, wanted), expected, rtol=1e-5, atol=1e-6)
