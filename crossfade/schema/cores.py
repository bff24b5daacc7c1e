"""How many cores a piece of work may use: a batch runs one process a core, and their threads would wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_MAY_SPREAD: Final = ContextVar("may_spread", default=True)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep the work of the block to one thread: BLAS and OpenMP, and all that asks `may_spread`."""
    from threadpoolctl import threadpool_limits

    token = _MAY_SPREAD.set(False)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        _MAY_SPREAD.reset(token)


def may_spread() -> bool:
    """Tell whether work that is worth it may start threads: everywhere but inside `one_core`."""
    return _MAY_SPREAD.get()
