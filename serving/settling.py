"""Keeps Python's own housekeeping from making requests wait."""

import gc
import sys
from typing import Final

SWITCH_SECONDS: Final = 0.0005


def settle() -> None:
    """Call when everything is loaded: only what requests make is looked at for garbage then, and threads take short turns.

    A bundle and its libraries are hundreds of thousands of objects; one look at all of them stops every request for a quarter of
    a second, and finds nothing.

    The thread that answers gives up the interpreter at each call of the system, and has to wait for another one's turn to end
    (the log's, a store's, the model's): by default 5 ms, ten times what a stored playlist takes.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)
