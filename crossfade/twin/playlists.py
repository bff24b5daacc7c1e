"""Playlists: charts by country, editors' lists by genre and mood, and those that listeners make."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from crossfade.twin.audience import Audience
from crossfade.twin.draws import Floats, Ints, Places, draw_without_replacement, gumbels
from crossfade.twin.genres import SUBGENRES
from crossfade.twin.memory import Memory
from crossfade.twin.music import NEVER, Music
from crossfade.twin.words import MOODS

EDITORIAL_TRACKS: Final = 50
OWN_TRACKS: Final = 40
_FEWESTOWN_TRACKS: Final = 6
_MOST_OWN: Final = 6
_MEAN_OWN: Final = 1.2
OLDEST_DAYS: Final = 240
_THEME: Final = np.float32(5.0)


@dataclass
class OwnPlaylists:
    """Playlists of a group of listeners; a playlist is filled on its day and stays as it was.

    Args:
        days: [n, 6] int32 day of the window on which it is made, negative before it, NEVER for none.
        themes: [n, 6] int64 a mood, or the number of moods plus an interest.
        sizes: [n, 6] int64 wished tracks.
        tracks: [n, 6, 40] int32, -1 padded; all -1 before it is made.
    """

    days: Ints
    themes: Places
    sizes: Places
    tracks: Ints


def plan_playlists(audience: Audience, num_days: int, rng: np.random.Generator) -> OwnPlaylists:
    """Draw how many playlists each listener has, their days and themes."""
    shape = (len(audience), _MOST_OWN)
    has = np.arange(_MOST_OWN) < rng.poisson(_MEAN_OWN, len(audience))[:, None]
    interests = np.sum(np.isfinite(audience.log_shares), axis=1, keepdims=True)
    by_interest = len(MOODS) + (rng.random(shape) * interests).astype(np.int64)
    return OwnPlaylists(
        np.where(has, rng.integers(-OLDEST_DAYS, num_days, shape), NEVER).astype(np.int32),
        np.where(rng.random(shape) < 0.4, rng.integers(len(MOODS), size=shape), by_interest),
        rng.integers(_FEWESTOWN_TRACKS, OWN_TRACKS + 1, shape),
        np.full((*shape, OWN_TRACKS), -1, np.int32),
    )


def fill_playlists(
    own: OwnPlaylists, memory: Memory, music: Music, *, since: int, day: int, rng: np.random.Generator
) -> None:
    """Fill the playlists made on the days since..day from the library, as far as that was out by then."""
    users, places = np.nonzero((own.days >= since) & (own.days <= day))
    if not len(users):
        return
    library, themes = memory.library[users], own.themes[users, places]
    wishes = memory.wishes(users, day)
    fit = music.sound.mood_fit[np.minimum(themes, len(MOODS) - 1)[:, None], library]
    wishes += _THEME * np.where(
        (themes < len(MOODS))[:, None], fit, memory.interests[users] == themes[:, None] - len(MOODS)
    )
    wishes[music.release_days[library] > own.days[users, places][:, None]] = -np.inf
    order = draw_without_replacement(rng, wishes.astype(np.float32), OWN_TRACKS)
    rows = np.arange(len(users))[:, None]
    chosen = (np.arange(order.shape[1]) < own.sizes[users, places][:, None]) & np.isfinite(
        wishes[rows, order]
    )
    own.tracks[users, places, : order.shape[1]] = np.where(chosen, library[rows, order], -1)


def editorial_playlists(music: Music, tilt: Floats, rng: np.random.Generator) -> Ints:
    """Make charts of countries, then lists of moods, then of subgenres, from what is out on the first day.

    Args:
        music: The catalogue.
        tilt: [num_countries, num_artists] float32 national log weights.
        rng: Source of randomness.

    Returns:
        [num_countries + num_moods + num_subgenres, 50] int32 tracks, -1 padded.
    """
    appeal = music.appeal(0)
    base = np.log(np.maximum(appeal, 1e-12))
    main, second = (
        music.artists.subgenres[music.artist_rows].T[:, None, :] == np.arange(len(SUBGENRES))[:, None]
    )
    wishes = np.concatenate(
        [
            base + tilt[:, music.artist_rows],
            base + 3.0 * music.sound.mood_fit,
            np.where(main | second, base, -np.inf),
        ]
    )
    wishes[:, appeal == 0] = -np.inf
    wishes += 0.5 * gumbels(rng, wishes.shape)
    order = np.argsort(-wishes, axis=1, kind="stable")[:, :EDITORIAL_TRACKS]
    tracks = np.full((len(wishes), EDITORIAL_TRACKS), -1, np.int32)
    tracks[:, : order.shape[1]] = np.where(np.isfinite(np.take_along_axis(wishes, order, axis=1)), order, -1)
    return tracks
