"""Inside `one_core` nothing spreads over cores, and afterwards everything may again, whatever happened."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from crossfade.schema.cores import may_spread, one_core


def threads() -> set[int]:
    return {int(pool["num_threads"]) for pool in threadpool_info()}


def test_one_core() -> None:
    assert np.ones((2, 2)) @ np.ones(2) is not None  # brings a BLAS
    with threadpool_limits(limits=2):
        assert may_spread()
        with one_core():
            assert (threads(), may_spread()) == ({1}, False)
            with one_core():
                assert not may_spread()
            assert not may_spread()
        assert may_spread()
        assert 2 in threads()


def test_an_error_ends_it() -> None:
    def fails() -> None:
        with one_core():
            raise ValueError("of the work")

    with pytest.raises(ValueError, match="of the work"):
        fails()
    assert may_spread()
