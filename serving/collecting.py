"""Keeps Python's search for garbage away from what a service has loaded."""

import gc


def settle() -> None:
    """Call when everything is loaded: from then on only what requests make is looked at.

    A bundle and its libraries are hundreds of thousands of objects; one look at all of them stops every request for a quarter of
    a second, and finds nothing.
    """
    gc.collect()
    gc.freeze()
