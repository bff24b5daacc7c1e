"""The simulated catalogue as columns: artists and tracks with their place among tastes, sound and appeal."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.twin.countries import country_shares
from crossfade.twin.draws import Floats, Ints, draw_shares
from crossfade.twin.genres import FAMILIES, FAMILY_OF, genre_centres, nearby, subgenre_shares, unit
from crossfade.twin.releases import Releases, make_releases
from crossfade.twin.sound import Sound, make_sound
from crossfade.twin.spec import TwinSpec

NEVER: Final = np.iinfo(np.int32).max
_NO_ARTIST: Final = -1
_SECOND_GENRE_SHARE: Final = 0.45
_FEATURED_SHARE: Final = 0.08
_WITHDRAWN_SHARE: Final = 0.004
_VIRAL_SHARE: Final = 0.01
_NEIGHBOURS: Final = 24


@dataclass(frozen=True)
class Artists:
    """Artists as columns of length num_artists.

    Args:
        subgenres: [n, 2] int32 main and second subgenre, the second -1 where there is none.
        latents: [n, dim] float32 unit vectors.
        popularity: [n] float64 Zipf weights.
        countries: [n] int32.
        neighbours: [n, k] int32 artists nearest in taste, nearest first, without the artist itself.
    """

    subgenres: Ints
    latents: Floats
    popularity: npt.NDArray[np.float64]
    countries: Ints
    neighbours: Ints

    @property
    def families(self) -> Ints:
        """[n] int32 genre family."""
        return FAMILY_OF[self.subgenres[:, 0]]


@dataclass(frozen=True)
class Music:
    """The catalogue; tracks are grouped by artist and release, in order of release.

    Args:
        artists: The artists.
        releases: Their releases.
        latents: [num_tracks, dim] float32 unit vectors.
        weights: [num_tracks] float64 lasting popularity.
        sound: Audio features, vectors, durations.
        featured: [num_tracks] int32 second artist, -1 none.
        explicit: [num_tracks] bool.
        withdrawn_days: [num_tracks] int32 day of the window on which a track is withdrawn, NEVER if it stays.
        viral_days: [num_tracks] int32 day on which a track is suddenly everywhere, NEVER if not.
    """

    artists: Artists
    releases: Releases
    latents: Floats
    weights: npt.NDArray[np.float64]
    sound: Sound
    featured: Ints
    explicit: npt.NDArray[np.bool_]
    withdrawn_days: Ints
    viral_days: Ints

    @cached_property
    def release_rows(self) -> Ints:
        """[num_tracks] int32 release of each track."""
        return np.repeat(np.arange(len(self.releases.days), dtype=np.int32), self.releases.sizes)

    @cached_property
    def artist_rows(self) -> Ints:
        """[num_tracks] int32 primary artist."""
        return self.releases.artist_rows[self.release_rows]

    @cached_property
    def release_days(self) -> Ints:
        """[num_tracks] int32 days since the window's start."""
        return self.releases.days[self.release_rows]

    @cached_property
    def first_tracks(self) -> npt.NDArray[np.int64]:
        """[num_artists + 1] int64: tracks of artist a stand at first_tracks[a]:first_tracks[a + 1]."""
        return self.releases.first_tracks[self.releases.first_releases]

    def appeal(self, day: int) -> npt.NDArray[np.float64]:
        """Return [num_tracks] popularity weights on a day: 0 if it cannot be heard, more if fresh."""
        age = (day - self.release_days).astype(np.float64)
        viral_age = day - self.viral_days.astype(np.float64)
        out = (age >= 0) & (day < self.withdrawn_days)
        fresh = 1 + 2.5 * np.exp(-np.maximum(age, 0) / 20)
        viral = 1 + 10 * np.exp(-np.maximum(viral_age, 0) / 7) * (viral_age >= 0)
        return np.where(out, self.weights * fresh * viral, 0.0)


def make_music(spec: TwinSpec, rng: np.random.Generator) -> Music:
    """Draw the catalogue."""
    artists = _artists(spec.artists, rng)
    releases = make_releases(spec, rng)
    release_latents = nearby(artists.latents[releases.artist_rows], 0.25, rng)
    latents = nearby(np.repeat(release_latents, releases.sizes, axis=0), 0.55, rng)
    artist_rows = np.repeat(releases.artist_rows, releases.sizes)
    families = artists.families[artist_rows]
    explicit_shares = np.array([family.explicit for family in FAMILIES])
    partners = artists.neighbours[artist_rows, rng.integers(artists.neighbours.shape[1], size=len(latents))]
    is_featured = (rng.random(len(latents)) < _FEATURED_SHARE) & (partners != artist_rows)
    return Music(
        artists,
        releases,
        latents,
        _track_weights(artists, artist_rows, rng),
        make_sound(latents, families, rng),
        np.where(is_featured, partners, _NO_ARTIST).astype(np.int32),
        rng.random(len(latents)) < explicit_shares[families],
        _some_days(spec, _WITHDRAWN_SHARE, rng),
        _some_days(spec, _VIRAL_SHARE, rng),
    )


def _artists(count: int, rng: np.random.Generator) -> Artists:
    centres = genre_centres(rng)
    main = draw_shares(rng, subgenre_shares(), count)
    siblings = draw_shares(rng, subgenre_shares(), count)
    has_second = (rng.random(count) < _SECOND_GENRE_SHARE) & (siblings != main)
    share = np.where(has_second, rng.uniform(0.2, 0.5, count), 0.0)[:, None]
    latents = nearby(unit((1 - share) * centres[main] + share * centres[siblings]), 0.6, rng)
    ranks = rng.permutation(count)
    return Artists(
        np.stack([main, np.where(has_second, siblings, -1)], axis=1).astype(np.int32),
        latents,
        np.asarray((ranks + 2.0) ** -1.05, np.float64),
        draw_shares(rng, country_shares(), count).astype(np.int32),
        _neighbours(latents),
    )


def _neighbours(latents: Floats) -> Ints:
    """Return [n, k] nearest artists by cosine; an only artist is its own neighbour."""
    count = min(_NEIGHBOURS, len(latents) - 1)
    if count < 1:
        return np.zeros((len(latents), 1), np.int32)
    nearest = np.empty((len(latents), count), np.int32)
    for start in range(0, len(latents), 2048):
        similarity = latents[start : start + 2048] @ latents.T
        similarity[np.arange(len(similarity)), start + np.arange(len(similarity))] = -np.inf
        nearest[start : start + 2048] = np.argsort(-similarity, axis=1, kind="stable")[:, :count]
    return nearest


def _track_weights(artists: Artists, artist_rows: Ints, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Spread each artist's popularity over their tracks: a few hits, a long tail."""
    return artists.popularity[artist_rows] * rng.lognormal(0.0, 1.3, len(artist_rows))


def _some_days(spec: TwinSpec, share: float, rng: np.random.Generator) -> Ints:
    """Give a share of the tracks a day of the window; never the first, so that something is always there."""
    days = rng.integers(0, spec.num_days, spec.num_tracks)
    chosen = rng.random(spec.num_tracks) < share
    chosen[0] = False
    return np.where(chosen, days, NEVER).astype(np.int32)
