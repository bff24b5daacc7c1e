"""One day for one group of listeners: everything that choosing depends on."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from crossfade.twin.audience import Audience
from crossfade.twin.draws import Floats, Ints, Places, draw_cumulative
from crossfade.twin.memory import Memory
from crossfade.twin.music import Music
from crossfade.twin.playlists import OwnPlaylists
from crossfade.twin.tastes import boldness


@dataclass(frozen=True)
class Moment:
    """What a group of listeners can play on a day, and what draws them.

    Args:
        day: Day of the window.
        music: The catalogue.
        appeal: [num_tracks] float64 popularity weights today.
        audience: The listeners.
        interests: [n, num_interests, dim] float32 as of today.
        pull: [n, num_artists] float32 cumulative weights of the artists that a listener turns to.
        memory: What they remember.
        own: Playlists of the listeners.
        editorial: [num_editorial, 50] int32 charts and editors' playlists, -1 padded.
        rng: Source of randomness.
    """

    day: int
    music: Music
    appeal: npt.NDArray[np.float64]
    audience: Audience
    interests: Floats
    pull: Floats
    memory: Memory
    own: OwnPlaylists
    editorial: Ints
    rng: np.random.Generator

    @cached_property
    def reach(self) -> npt.NDArray[np.float64]:
        """[num_tracks + 1] cumulative appeal, so that a range of it is an artist's tracks."""
        return np.concatenate([[0.0], np.cumsum(self.appeal)])

    @cached_property
    def released(self) -> Places:
        """[num_artists] tracks that an artist has released; these come first among the artist's tracks."""
        out = np.concatenate([[0], np.cumsum(self.music.release_days <= self.day)])
        return np.diff(out[self.music.first_tracks])

    def uniforms(self, *shape: int) -> Floats:
        """Return uniform float32 draws."""
        return self.rng.random(shape, dtype=np.float32)

    @cached_property
    def boldness(self) -> Floats:
        """[n] float32: see `tastes.boldness`."""
        return boldness(self.audience.adventurousness)

    def seek(self, users: Places) -> Places:
        """Draw an artist for each of [m] listeners, by affinity, popularity and acquaintance."""
        return draw_cumulative(self.pull, users, self.uniforms(len(users)))

    def tracks_of(self, artists: npt.NDArray[np.integer[Any]], uniforms: Floats) -> Places:
        """Draw a track of each given artist by today's appeal; `uniforms` has the shape of `artists`."""
        low = self.reach[self.music.first_tracks[artists]]
        high = self.reach[self.music.first_tracks[artists + 1]]
        places = np.searchsorted(self.reach, low + uniforms * (high - low), side="right") - 1
        return np.asarray(np.minimum(places, len(self.appeal) - 1))

    def playable(self, users: Places, tracks: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
        """Return [m] bool: the track can be heard, and is not explicit where that is ruled out."""
        suitable = self.audience.explicit_allowed[users] | ~self.music.explicit[tracks]
        return np.asarray((self.appeal[tracks] > 0) & suitable)
