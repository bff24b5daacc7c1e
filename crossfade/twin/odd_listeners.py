"""What is played besides on some listeners' accounts: by superfans themselves, and by intruders."""

from typing import Final

import numpy as np

from crossfade.twin.countries import COUNTRIES
from crossfade.twin.draws import Ints, Places
from crossfade.twin.kinds import Origin
from crossfade.twin.logbook import DAY_MS
from crossfade.twin.planted_plays import PAID_MS, Plays, Scene, evening_starts_ms, plays

_SUPERFAN_SESSIONS: Final = 0.8  # a day
_LOOPED_SESSIONS: Final = 0.2  # of a superfan's sessions play one track over and over
_NIGHT_SESSIONS: Final = 0.03  # ... play all night long
_BORED_SHARE: Final = 0.1
_INTRUSIONS: Final = 4
_INTRUDED_DAYS: Final = 5
_INTRUDERS_ARTISTS: Final = 4


def superfan_plays(scene: Scene, members: Places, countries: Ints) -> Plays:
    """Return what superfans play besides: their most heard artist, nearly always to the end; some tracks over and over.

    Args:
        scene: What is there.
        members: [m] listeners.
        countries: [m] int32 where they live.
    """
    num_sessions = 1 + scene.rng.poisson(_SUPERFAN_SESSIONS * scene.spec.num_days, len(members))
    places = np.repeat(np.arange(len(members)), num_sessions)
    sizes = 1 + scene.rng.poisson(16, len(places))
    sizes = np.where(scene.rng.random(len(places)) < _NIGHT_SESSIONS, 120, sizes)
    owners = np.repeat(np.arange(len(places)), sizes)
    loved = np.array([_most_heard(scene, member) for member in members])[places]
    first, last = scene.music.first_tracks[loved], scene.music.first_tracks[loved + 1]
    looped = (scene.rng.random(len(places)) < _LOOPED_SESSIONS)[owners]
    one = scene.rng.random(len(places))[owners]
    uniforms = np.where(looped, one, scene.rng.random(len(owners)))
    tracks = (first[owners] + uniforms * (last - first)[owners]).astype(np.int32)
    duration = scene.music.sound.durations_ms[tracks].astype(np.int64)
    bored = scene.rng.random(len(owners)) < _BORED_SHARE
    played = np.where(bored, (scene.rng.random(len(owners)) * duration).astype(np.int64), duration)
    pauses = scene.rng.integers(200, 3_000, len(owners))
    here = countries[places]
    starts = evening_starts_ms(scene, here)
    return plays(scene, (members[places], starts, here, sizes), (tracks, played, pauses), Origin.OWN)


def _most_heard(scene: Scene, member: int) -> int:
    own = scene.own
    heard = own.tracks[(own.users == member) & (scene.own.played_ms >= 0)]
    return int(np.bincount(scene.music.artist_rows[heard], minlength=1).argmax())


def intruder_plays(scene: Scene, members: Places, countries: Ints) -> Plays:
    """Return what somebody abroad plays on listeners' accounts for some days.

    On every second account it pushes the farmed artist, on the others it is what that person likes, to the end.

    Args:
        scene: What is there.
        members: [m] listeners whose accounts are used.
        countries: [m] int32 where they live.
    """
    num_sessions = 1 + scene.rng.poisson(_INTRUSIONS, len(members))
    places = np.repeat(np.arange(len(members)), num_sessions)
    sizes = 4 + scene.rng.poisson(12, len(places))
    owners = np.repeat(np.arange(len(places)), sizes)
    liked = scene.rng.integers(len(scene.music.artists.popularity), size=(len(members), _INTRUDERS_ARTISTS))
    is_pushing = (np.arange(len(members)) % 2 == 0)[places][owners]
    artists = np.where(
        is_pushing,
        scene.farmed,
        liked[places[owners], scene.rng.integers(_INTRUDERS_ARTISTS, size=len(owners))],
    )
    first, last = scene.music.first_tracks[artists], scene.music.first_tracks[artists + 1]
    tracks = (first + scene.rng.random(len(owners)) * (last - first)).astype(np.int32)
    duration = scene.music.sound.durations_ms[tracks].astype(np.int64)
    played = np.where(
        is_pushing, np.minimum(scene.rng.integers(PAID_MS + 200, 40_000, len(owners)), duration), duration
    )
    pauses = scene.rng.integers(200, 5_000, len(owners))
    abroad = (countries + scene.rng.integers(1, len(COUNTRIES), len(members))) % len(COUNTRIES)
    since = scene.rng.integers(0, max(1, scene.spec.num_days - _INTRUDED_DAYS), len(members))
    starts = (since[places] * DAY_MS + scene.rng.random(len(places)) * _INTRUDED_DAYS * DAY_MS).astype(
        np.int64
    )
    here = abroad.astype(np.int32)[places]
    return plays(scene, (members[places], starts, here, sizes), (tracks, played, pauses), Origin.INTRUDER)
