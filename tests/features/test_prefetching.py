"""Asking for memory changes nothing and harms nothing, whatever row is asked for."""

import numba
import numpy as np

from crossfade.features.prefetching import fetch, fetch_row


@numba.njit
def asked(array, rows):  # type: ignore[no-untyped-def]
    total = 0.0
    for row in rows:
        fetch(array, row, 0)
        fetch_row(array, row, 512)
        if 0 <= row < len(array):
            total += array[row].sum()
    return total


def test_rows_may_be_asked_for_that_do_not_exist() -> None:
    array = np.arange(48, dtype=np.float32).reshape(4, 12)
    rows = np.array([0, -1, 3, 2**31 - 1, -(2**31)], np.int32)
    assert asked(array, rows) == array[[0, 3]].sum()
    assert asked(array[:0], rows) == 0
    assert asked(array[:, ::2], rows) == array[[0, 3], ::2].sum()
