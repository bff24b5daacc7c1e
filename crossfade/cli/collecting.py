"""How often Python looks for garbage in the processes of the command line."""

import gc
from typing import Final

# New objects until a look (Python: 700). Importing TensorFlow, ibis or Great Expectations makes a million that all stay, and
# looking at them again and again takes up to a fifth of the time of the import.
NEW_OBJECTS: Final = 50_000


def collect_rarely() -> None:
    """Let Python look for cyclic garbage after many new objects only; what is not cyclic is freed at once anyway."""
    gc.set_threshold(NEW_OBJECTS, 20, 100)
