"""Listeners as columns: tastes that drift slightly, habits, how much they listen, where they live."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.twin.countries import COUNTRIES, country_shares
from crossfade.twin.draws import Floats, Ints, draw, draw_shares
from crossfade.twin.genres import FAMILIES, nearby
from crossfade.twin.music import NEVER, Artists
from crossfade.twin.situations import CONTEXTS, DAYPARTS
from crossfade.twin.spec import TwinSpec
from crossfade.twin.words import MOODS

INTERESTS: Final = 4
_LISTENS_PER_SESSION: Final = 8.2
_ACTIVITY_SPREAD: Final = 0.9  # of the logarithm: the busiest tenth makes about two fifths of the listens
_LATE_SHARE: Final = 0.14  # joins during the window
_LEAVING_SHARE: Final = 0.05
_DRIFT: Final = 0.25


@dataclass(frozen=True)
class Audience:
    """Listeners, one row each.

    Args:
        countries: [n] int32.
        birth_years: [n] int32.
        explicit_allowed: [n] bool; others never hear an explicit track.
        interests_start: [n, 4, dim] float32 unit vectors on the first day.
        interests_end: [n, 4, dim] float32 the same on the last day.
        log_shares: [n, 4] float32 log of an interest's weight against the main one, -inf where there is none.
        interest_genres: [n, 4] int32 subgenre behind an interest, -1 where there is none.
        sessions_per_day: [n] float32.
        adventurousness: [n] float32 in 0 to 1: how far from home and how much unknown music.
        loyalty: [n] float32 in 0 to 1: how much known artists draw.
        impatience: [n] float32 added to the logit of a skip.
        thumbs: [n] float32 multiplies the chance of saves, likes and the like.
        moods: [n, num_moods] float32 log weights.
        contexts: [n, num_contexts] float32 log weights.
        dayparts: [n, num_dayparts] float32 log weights.
        first_days: [n] int32 first day of the window on which the user may listen.
        last_days: [n] int32 first day on which the user no longer listens, NEVER if that stays away.
    """

    countries: Ints
    birth_years: Ints
    explicit_allowed: npt.NDArray[np.bool_]
    interests_start: Floats
    interests_end: Floats
    log_shares: Floats
    interest_genres: Ints
    sessions_per_day: Floats
    adventurousness: Floats
    loyalty: Floats
    impatience: Floats
    thumbs: Floats
    moods: Floats
    contexts: Floats
    dayparts: Floats
    first_days: Ints
    last_days: Ints

    def __len__(self) -> int:
        """Return the number of listeners."""
        return len(self.countries)

    def part(self, start: int, stop: int) -> "Audience":
        """Return listeners start:stop (views)."""
        return Audience(**{field.name: getattr(self, field.name)[start:stop] for field in fields(self)})


def make_audience(spec: TwinSpec, artists: Artists, rng: np.random.Generator) -> Audience:
    """Draw the listeners; an interest lies near an artist, mostly one popular or loved in the country."""
    count = spec.num_users
    countries = draw_shares(rng, country_shares(), count).astype(np.int32)
    anchors, log_shares = _anchors(countries, artists, rng)
    missing = np.isneginf(log_shares)
    interests = nearby(artists.latents[anchors], 0.3, rng)
    adventurousness = rng.beta(2, 3, count).astype(np.float32)
    birth_years = (
        (spec.start.year - 14 - rng.gamma(3.0, 7.0, count)).clip(min=spec.start.year - 90).astype(np.int32)
    )
    activity = rng.lognormal(-(_ACTIVITY_SPREAD**2) / 2, _ACTIVITY_SPREAD, count)
    joins = rng.random(count) < _LATE_SHARE
    leaves = rng.random(count) < _LEAVING_SHARE
    return Audience(
        countries,
        birth_years,
        rng.random(count) >= 0.08,
        interests,
        nearby(interests, _DRIFT, rng),
        log_shares,
        np.where(missing, -1, artists.subgenres[anchors, 0]).astype(np.int32),
        np.minimum(activity * spec.listens_per_day / _LISTENS_PER_SESSION, 12).astype(np.float32),
        adventurousness,
        rng.beta(2, 2, count).astype(np.float32),
        rng.normal(0, 0.5, count).astype(np.float32),
        rng.lognormal(-0.5, 1.0, count).astype(np.float32),
        rng.normal(0, 0.6, (count, len(MOODS))).astype(np.float32),
        _context_habits(adventurousness, rng),
        rng.normal(0, 0.5, (count, len(DAYPARTS))).astype(np.float32),
        np.where(joins, rng.integers(0, spec.num_days, count), 0).astype(np.int32),
        np.where(leaves, rng.integers(0, spec.num_days, count) + 1, NEVER).astype(np.int32),
    )


def family_tilt() -> npt.NDArray[np.float64]:
    """Return [num_countries, num_families] log weights: what is loved more in a country than elsewhere."""
    return np.array([[0.8 * (family.name in country.loves) for family in FAMILIES] for country in COUNTRIES])


def _anchors(
    countries: Ints, artists: Artists, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Draw an artist behind each of a listener's interests [n, 4], and the log weights of the interests."""
    appeal = family_tilt()[:, artists.families] + 0.8 * np.log(artists.popularity)
    anchors = np.empty((len(countries), INTERESTS), np.int64)
    for country in range(len(COUNTRIES)):
        here = countries == country
        anchors[here] = draw_shares(rng, np.exp(appeal[country]), int(here.sum()) * INTERESTS).reshape(
            -1, INTERESTS
        )
    near = artists.neighbours[
        anchors[:, :1], rng.integers(artists.neighbours.shape[1], size=(len(countries), 1))
    ]
    anchors[:, 1:2] = np.where(rng.random((len(countries), 1)) < 0.4, near, anchors[:, 1:2])
    number = 1 + draw(rng, np.tile(np.log([0.2, 0.35, 0.3, 0.15]), (len(countries), 1)))
    log_shares = np.log(rng.uniform(0.25, 0.9, (len(countries), INTERESTS)))
    log_shares[:, 0] = 0
    log_shares[np.arange(INTERESTS) >= number[:, None]] = -np.inf
    return anchors, log_shares.astype(np.float32)


def _context_habits(adventurousness: Floats, rng: np.random.Generator) -> Floats:
    """Return [n, num_contexts] log weights; the adventurous seek the unknown, the others what they have."""
    seeking = np.array([context.seeks for context in CONTEXTS])
    habits = rng.normal(0, 0.5, (len(adventurousness), len(CONTEXTS)))
    return np.asarray(habits + 2.5 * (adventurousness[:, None] - 0.4) * seeking, np.float32)
