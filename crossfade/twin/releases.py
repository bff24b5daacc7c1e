"""Discographies: how many tracks an artist has, on which releases, and when those came out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.twin.draws import Ints, places_within
from crossfade.twin.spec import TwinSpec

_DAYS_PER_YEAR: Final = 365.25
_ACTIVE_SHARE: Final = 0.65  # artists who still release
_DEBUT_SHARE: Final = 0.03  # artists whose first release falls into the window


@dataclass(frozen=True)
class Releases:
    """All releases, grouped by artist and ascending in time; tracks stand in the same order.

    Args:
        artist_rows: [num_releases] int32.
        days: [num_releases] int32 days since the window's start; negative before it.
        first_tracks: [num_releases + 1] int64: release r owns tracks first_tracks[r]:first_tracks[r + 1].
        first_releases: [num_artists + 1] int64: the releases of an artist.
    """

    artist_rows: Ints
    days: Ints
    first_tracks: npt.NDArray[np.int64]
    first_releases: npt.NDArray[np.int64]

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """[num_releases] tracks of each release."""
        return np.diff(self.first_tracks)


def make_releases(spec: TwinSpec, rng: np.random.Generator) -> Releases:
    """Draw every artist's singles, EPs and albums; `num_tracks` tracks in total, at least one an artist."""
    shares = rng.lognormal(0.0, 0.8, spec.artists)
    catalogue_sizes = 1 + rng.multinomial(spec.num_tracks - spec.artists, shares / shares.sum())
    artist_rows, sizes = _split_into_releases(catalogue_sizes, rng)
    counts = np.bincount(artist_rows, minlength=spec.artists)
    return Releases(
        artist_rows,
        _release_days(spec, artist_rows, rng),
        np.concatenate([[0], np.cumsum(sizes)]),
        np.concatenate([[0], np.cumsum(counts)]),
    )


def _split_into_releases(
    catalogue_sizes: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Cut each artist's catalogue into singles of 1 or 2 tracks, EPs of 4 to 6 and albums of 8 to 14."""
    shape = (len(catalogue_sizes), int(catalogue_sizes.max()))
    kinds = rng.choice(3, size=shape, p=[0.45, 0.2, 0.35])
    low, high = np.array([1, 4, 8]), np.array([2, 6, 14])
    wanted = rng.integers(low[kinds], high[kinds], endpoint=True)
    ends = np.minimum(np.cumsum(wanted, axis=1), catalogue_sizes[:, None])
    sizes = np.diff(ends, axis=1, prepend=0)
    return np.nonzero(sizes)[0].astype(np.int32), sizes[sizes > 0].astype(np.int32)


def _release_days(spec: TwinSpec, artist_rows: Ints, rng: np.random.Generator) -> Ints:
    """Draw ascending days within each artist's career, more of them late in it."""
    active = rng.random(spec.artists) < _ACTIVE_SHARE
    last = np.where(active, spec.num_days, -rng.uniform(1, 25, spec.artists) * _DAYS_PER_YEAR)
    length = np.minimum(rng.gamma(2.0, 4.5, spec.artists), 50) * _DAYS_PER_YEAR + 400
    before_last = length[artist_rows] * rng.random(len(artist_rows)) ** 1.3
    days = np.floor(last[artist_rows] - before_last).astype(np.int32)
    days = days[np.lexsort((days, artist_rows))]
    debuts = rng.random(spec.artists) < _DEBUT_SHARE
    debuts[0] = False
    return _with_known_starts(spec, artist_rows, days, debuts, rng)


def _with_known_starts(
    spec: TwinSpec, artist_rows: Ints, days: Ints, debuts: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Ints:
    """Put the first release of established artists before the window, all releases of newcomers into it."""
    early = -rng.integers(60, 700, len(days)).astype(np.int32)
    is_first = places_within(np.bincount(artist_rows, minlength=spec.artists)) == 0
    days = np.where(is_first, np.minimum(days, early), days)
    within = rng.integers(0, spec.num_days, len(days)).astype(np.int32)
    days = np.where(debuts[artist_rows], within, days)
    return days[np.lexsort((days, artist_rows))]
