"""What rankers are for: tracks to discover, or the next track of a session."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from crossfade.schema import columns as c


@dataclass(frozen=True)
class Task:
    """One kind of ranking: whose candidates it orders, by what.

    Every task's sources and features begin with those of `DISCOVERY`, so that a place means the same in all.

    Args:
        name: In files.
        sources: Retrieval sources, in the order of `Candidates`.
        features: In the order in which the ranker reads them.
    """

    name: str
    sources: tuple[str, ...]
    features: tuple[str, ...]


DISCOVERY: Final = Task("discovery", c.RETRIEVAL_SOURCES, c.RANKING_FEATURES)
NEXT_TRACK: Final = Task("next_track", c.RADIO_SOURCES, c.RADIO_FEATURES)
TASKS: Final = MappingProxyType({task.name: task for task in (DISCOVERY, NEXT_TRACK)})
