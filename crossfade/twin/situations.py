"""Situations of listening: contexts, parts of the day and devices, with what they make likely."""

from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True)
class Context:
    """What a session is.

    Args:
        name: As in the events.
        shares: Weight in each part of the day, in the order of `DAYPARTS`.
        listens: Typical number of listens.
        shuffled: Share of sessions with shuffle on.
        seeks: 1 if it brings unknown music, -1 if it repeats what is known.
        skip_logit: Added to the logit of a skip.
        devices: Weight of each device, in the order of `DEVICES`.
    """

    name: str
    shares: tuple[float, float, float, float]
    listens: float
    shuffled: float
    seeks: float
    skip_logit: float
    devices: tuple[float, float, float, float, float]


DAYPARTS: Final = ("morning", "day", "evening", "night")
DAYPART_SHARES: Final = np.array([0.22, 0.30, 0.36, 0.12])
DAYPART_HOURS: Final = np.array([(8.0, 1.2), (13.5, 2.2), (20.0, 1.8), (25.0, 1.6)])  # local mean and spread
DEVICES: Final = ("phone", "desktop", "speaker", "car", "tablet")

LIBRARY: Final = 0
COMMUTE: Final = 1
PLAYLIST: Final = 2
ALBUM: Final = 3
RADIO: Final = 4
BROWSE: Final = 5
NEW_RELEASES: Final = 6
CONTEXTS: Final = (
    Context("library", (0.16, 0.18, 0.22, 0.22), 9, 0.55, -1.0, 0.0, (0.5, 0.25, 0.15, 0.02, 0.08)),
    Context("commute", (0.30, 0.06, 0.08, 0.02), 8, 0.75, -1.0, 0.45, (0.72, 0.0, 0.0, 0.28, 0.0)),
    Context("playlist", (0.16, 0.26, 0.22, 0.22), 12, 0.45, 0.0, 0.1, (0.5, 0.25, 0.15, 0.05, 0.05)),
    Context("album", (0.07, 0.12, 0.14, 0.18), 11, 0.0, 0.0, -0.6, (0.3, 0.3, 0.32, 0.03, 0.05)),
    Context("radio", (0.12, 0.16, 0.12, 0.14), 12, 0.0, 1.0, 0.25, (0.45, 0.25, 0.2, 0.08, 0.02)),
    Context("browse", (0.10, 0.15, 0.15, 0.15), 7, 0.0, 1.0, 0.35, (0.55, 0.38, 0.02, 0.0, 0.05)),
    Context("new_releases", (0.04, 0.04, 0.04, 0.04), 4, 0.1, 1.0, 0.2, (0.6, 0.3, 0.05, 0.02, 0.03)),
)
# How moods go with parts of the day: log weights, in the order of `DAYPARTS` and `words.MOODS`.
MOOD_LOGITS: Final = np.array(
    [
        (-0.2, 0.4, 0.6, -0.8, -0.4, 0.5),
        (0.1, 0.8, 0.2, -0.5, -0.3, 0.4),
        (0.5, -0.4, 0.2, 0.7, 0.2, 0.3),
        (0.8, 0.1, -1.2, 0.4, 0.7, -0.4),
    ]
)
