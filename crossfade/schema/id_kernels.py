"""Finds ids among sorted ones, byte by byte: UTF-8 sorts as its text does.

Numba infers types, so its functions carry none.
"""

import numba


@numba.njit(cache=True, nogil=True)
def bisect(wanted, ends, offsets, text, rows):  # type: ignore[no-untyped-def]
    """Fill rows [n] int32 with the places of wanted texts among sorted ones, -1 where one is not there.

    Args:
        wanted: Bytes of the texts, one after the other, uint8.
        ends: [n + 1] int64, text i is wanted[ends[i]:ends[i + 1]].
        offsets: [m + 1] int64 of the sorted texts, likewise.
        text: Their bytes.
        rows: To write to.
    """
    for name in range(len(rows)):
        own = wanted[ends[name] : ends[name + 1]]
        low, high = 0, len(offsets) - 1
        while low < high:
            middle = (low + high) // 2
            if _compare(text[offsets[middle] : offsets[middle + 1]], own) < 0:
                low = middle + 1
            else:
                high = middle
        is_there = low + 1 < len(offsets) and _compare(text[offsets[low] : offsets[low + 1]], own) == 0
        rows[name] = low if is_there else -1


@numba.njit(cache=True, nogil=True)
def _compare(one, other):  # type: ignore[no-untyped-def]
    """Return below 0 where one text comes before the other, 0 where they are equal."""
    for place in range(min(len(one), len(other))):
        if one[place] != other[place]:
            return -1 if one[place] < other[place] else 1
    return len(one) - len(other)
