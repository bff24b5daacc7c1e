"""How long a chosen track is played: skips depend on affinity, mood, position, context and patience."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.twin.draws import Floats, Ints, Places, ranks_within
from crossfade.twin.memory import KEPT
from crossfade.twin.moment import Moment
from crossfade.twin.sessions import Sessions
from crossfade.twin.situations import CONTEXTS
from crossfade.twin.tastes import SHARPNESS, cosines, pooled

# Terms of the logit of a skip.
_BASE: Final = -0.95
_TASTE: Final = -7.0  # for a unit of affinity above _USUAL_TASTE
_USUAL_TASTE: Final = 0.66
_MOOD: Final = -0.7
_SEARCHING: Final = 0.8  # at the first track, fading: listeners look for something to settle on
_TIRING: Final = 0.012  # for each further track
_SHUFFLE: Final = 0.25
_KEPT: Final = -0.4
_LEFT_SHARE: Final = 0.25  # sessions that end in the middle of their last track
_GAP_MS: Final = 1_500
_FEWEST_MS: Final = 300


@dataclass(frozen=True)
class Listens:
    """Listens of one day as columns, in order within their session.

    Args:
        owners: [n] int64 session of the day.
        tracks: [n] int32.
        positions: [n] int64 from 0 within the session.
        taste: [n] float32 affinity.
        interests: [n] int8 the listener's interest that the track suits best.
        mood_fit: [n] float32 how the track suits the session's mood.
        skip_probability: [n] float32 with which it was skipped.
        skipped: [n] bool.
        played_ms: [n] int64.
        offsets_ms: [n] int64 since the session's start.
    """

    owners: Places
    tracks: Ints
    positions: Places
    taste: Floats
    interests: npt.NDArray[np.int8]
    mood_fit: Floats
    skip_probability: Floats
    skipped: npt.NDArray[np.bool_]
    played_ms: Places
    offsets_ms: Places

    def __len__(self) -> int:
        """Return the number of listens."""
        return len(self.owners)


def play(moment: Moment, sessions: Sessions, owners: Places, tracks: Ints) -> Listens:
    """Play the chosen tracks [n] of sessions [n], which come session by session."""
    users = sessions.users[owners]
    cosine = cosines(moment.interests[users], moment.music.latents[tracks][:, None, :])
    cosine += moment.audience.log_shares[users][:, :, None] / SHARPNESS
    interests = np.argmax(cosine[:, :, 0], axis=1).astype(np.int8)
    taste = pooled(cosine, np.zeros_like(cosine[:, :, 0]))[:, 0]
    positions = ranks_within(owners)
    mood_fit = moment.music.sound.mood_fit[sessions.moods[owners], tracks]
    kept = moment.memory.has(users, tracks, KEPT)
    logit = (
        _skip_logit(moment, sessions, owners, positions)
        + _TASTE * (taste - _USUAL_TASTE)
        + _MOOD * mood_fit
        + _KEPT * kept
    )
    probability = (1 / (1 + np.exp(-logit))).astype(np.float32)
    skipped = moment.uniforms(len(tracks)) < probability
    played_ms = _played_ms(moment, owners, tracks, skipped, taste)
    return Listens(
        owners,
        tracks,
        positions,
        taste,
        interests,
        mood_fit,
        probability,
        skipped,
        played_ms,
        _offsets_ms(moment, owners, played_ms),
    )


def _skip_logit(moment: Moment, sessions: Sessions, owners: Places, positions: Places) -> Floats:
    """Return [n] the part of the logit that says nothing about the track."""
    contexts = np.array([context.skip_logit for context in CONTEXTS])[sessions.contexts[owners]]
    place = _SEARCHING * np.exp(-positions / 2) + _TIRING * np.minimum(positions, 30)
    person = moment.audience.impatience[sessions.users[owners]] + sessions.impatience[owners]
    return np.asarray(_BASE + contexts + place + person + _SHUFFLE * sessions.shuffle[owners], np.float32)


def _played_ms(
    moment: Moment, owners: Places, tracks: Ints, skipped: npt.NDArray[np.bool_], taste: Floats
) -> Places:
    """Draw how long each listen lasts: what suits less is skipped sooner."""
    duration = moment.music.sound.durations_ms[tracks]
    at_once = moment.uniforms(len(tracks)) < 1 / (1 + np.exp(6 * (taste - np.float32(0.7))))
    soon = moment.rng.standard_exponential(len(tracks)) * 7_000
    later = moment.uniforms(len(tracks)) * 0.9 * duration
    last = np.diff(owners, append=-1) != 0
    left = last & (moment.uniforms(len(tracks)) < _LEFT_SHARE)
    whole = (
        np.where(left, moment.uniforms(len(tracks)), 1 - 0.01 * moment.uniforms(len(tracks)) ** 4) * duration
    )
    played = np.where(skipped, np.where(at_once, soon, later), whole)
    return np.clip(played, _FEWEST_MS, duration).astype(np.int64)


def _offsets_ms(moment: Moment, owners: Places, played_ms: Places) -> Places:
    gaps = (moment.rng.standard_exponential(len(owners)) * _GAP_MS).astype(np.int64)
    ends = np.cumsum(played_ms + gaps)
    begins = ends - played_ms - gaps
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    return begins - np.repeat(begins[first], np.diff(first, append=len(owners)))
