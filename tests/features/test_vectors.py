"""Packed vectors read the same in NumPy and in compiled code, and are off by no more than their type says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from crossfade.features.affinities import products, vector_affinities
from crossfade.features.vectors import (
    CODES,
    SCALE,
    PackedVectors,
    TrackVectors,
    as_stored,
    component,
    opened,
    packed,
    readable,
    width,
)
from crossfade.schema.errors import IntegrityError
from tests import builders

KINDS: Any = ("float32", "float16", "int8")
VECTORS = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
VECTORS[7] = 0


@numba.njit
def whole(vectors):  # type: ignore[no-untyped-def]
    found = np.empty((len(vectors), width(vectors)), np.float32)
    for row in range(found.shape[0]):
        for i in range(found.shape[1]):
            found[row, i] = component(vectors, row, i)
    return found


def test_a_code_is_the_nearest_of_255_steps() -> None:
    # The largest component is 127 steps of 1 / 127, rounded up to 11 bits: 1 / 127 = 0.0078740, the next such number is
    # 1033 / 2^17 = 0.0078812, in which 0.5 is 63.44 and -0.25 is -31.72.
    vectors = packed(np.array([[1, 0.5, -0.25, 0]], np.float32), "int8")
    stored = as_stored(vectors)
    assert stored[SCALE].tolist() == [1033 / 2**17]
    assert stored[CODES].tolist() == [[127, 63, -32, 0]]
    np.testing.assert_array_equal(vectors[:], np.array([[127, 63, -32, 0]], np.float32) * (1033 / 2**17))


@pytest.mark.parametrize(("kind", "size"), [("float32", 32), ("float16", 16), ("int8", 12)])
def test_vectors_are_off_by_no_more_than_told(kind: Any, size: int) -> None:
    vectors = packed(VECTORS, kind)
    assert (vectors.shape, len(vectors)) == ((50, 8), 50)
    assert as_stored(vectors).nbytes == 50 * size
    most = {
        "float32": 0,
        "float16": np.abs(VECTORS) / 2048,
        "int8": np.abs(VECTORS).max(axis=1)[:, None] / 253,
    }
    assert (np.abs(np.asarray(vectors) - VECTORS) <= most[kind]).all()
    assert not vectors[7].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 300.0])
def test_packing_again_changes_nothing(kind: Any, scale: float) -> None:
    once = packed(VECTORS * np.float32(scale), kind)
    twice = packed(np.asarray(once), kind)
    np.testing.assert_array_equal(as_stored(twice), as_stored(once))
    np.testing.assert_array_equal(as_stored(packed(once, kind)), as_stored(once))


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_code_reads_what_numpy_reads(kind: Any) -> None:
    vectors = packed(VECTORS, kind)
    np.testing.assert_array_equal(whole(readable(vectors)), np.asarray(vectors))


def test_compiled_code_reads_every_finite_float16() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    vectors = PackedVectors(halves[np.isfinite(halves)].reshape(-1, 1))
    np.testing.assert_array_equal(whole(readable(vectors)), vectors[:])


@numba.njit(fastmath={"reassoc", "contract"})
def gram(vectors):  # type: ignore[no-untyped-def]
    found = np.zeros((len(vectors), len(vectors)), np.float32)
    for row in range(len(vectors)):
        for other in range(len(vectors)):
            cosine = np.float32(0)
            for i in range(width(vectors)):
                cosine += component(vectors, row, i) * component(vectors, other, i)
            found[row, other] = cosine
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_kernels_that_reorder_multiply_two_packed_vectors(kind: Any) -> None:
    vectors = packed(VECTORS, kind)
    read = np.asarray(vectors)
    np.testing.assert_allclose(gram(readable(vectors)), read @ read.T, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "index", [3, slice(2, 9), slice(1, None, 4), np.array([[4, 4], [0, 7]]), slice(0, 0)]
)
def test_rows_are_chosen_as_of_an_array(kind: Any, index: Any) -> None:
    vectors = packed(VECTORS, kind)
    np.testing.assert_array_equal(vectors[index], np.asarray(vectors)[index])
    assert vectors[index].dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
def test_saved_vectors_come_back_memory_mapped(kind: Any, tmp_path: Path) -> None:
    vectors = packed(VECTORS, kind)
    np.save(tmp_path / "v.npy", as_stored(vectors), allow_pickle=False)
    loaded = opened(np.load(tmp_path / "v.npy", mmap_mode="r", allow_pickle=False), "v.npy")
    assert isinstance(as_stored(loaded), np.memmap)
    np.testing.assert_array_equal(np.asarray(loaded), np.asarray(vectors))
    np.testing.assert_array_equal(whole(readable(loaded)), np.asarray(vectors))


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 3), np.int64), np.zeros(3, np.float32), np.zeros(3, np.float16)]
)
def test_an_array_of_another_kind_is_refused(wrong: Any) -> None:
    told = rf"t\.npy holds {wrong.dtype} of {wrong.ndim} dimensions, but track vectors are .* train again"
    with pytest.raises(IntegrityError, match=told):
        opened(wrong, "t.npy")


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_features_of_packed_vectors_are_those_of_what_they_read_as(kind: Any) -> None:
    plays = [("ann", f"t{i:02}", 1.0 + i / 1000) for i in range(50)]
    queries = builders.dataset(plays).queries(np.array([0, -1], np.int32), 10**7)
    rows = np.tile(np.arange(50, dtype=np.int32), (2, 1))
    vectors: TrackVectors = packed(VECTORS, kind)
    np.testing.assert_allclose(
        products(vectors, rows, VECTORS[:2]), VECTORS[:2] @ np.asarray(vectors).T, atol=1e-6
    )

    def room(names: Sequence[str]) -> np.ndarray:
        return np.empty((len(names), *rows.shape), np.float32)

    told, plain = (vector_affinities(queries, rows, each, room) for each in (vectors, np.asarray(vectors)))
    for name, values in plain.items():
        np.testing.assert_allclose(told[name], values, atol=1e-6)
