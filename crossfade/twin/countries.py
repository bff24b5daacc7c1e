"""Countries of listeners and artists: shares, clocks and national tastes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Country:
    """A country: ISO code, share of listeners, hours east of UTC, genre families loved more there."""

    code: str
    share: float
    utc_offset: int
    loves: tuple[str, ...]


COUNTRIES: Final = (
    Country("US", 0.26, -6, ("hip hop", "soul", "rock")),
    Country("GB", 0.12, 0, ("rock", "electronic")),
    Country("DE", 0.11, 1, ("electronic", "metal")),
    Country("BR", 0.11, -3, ("latin", "soul")),
    Country("FR", 0.08, 1, ("hip hop", "electronic", "jazz")),
    Country("MX", 0.08, -6, ("latin", "pop")),
    Country("SE", 0.06, 1, ("pop", "metal", "folk")),
    Country("JP", 0.06, 9, ("jazz", "classical", "pop")),
    Country("NG", 0.05, 1, ("african", "reggae", "soul")),
    Country("ES", 0.04, 1, ("latin", "rock")),
    Country("CA", 0.03, -5, ("folk", "rock")),
)


def country_shares() -> npt.NDArray[np.float64]:
    """Return [num_countries] shares of listeners and artists that sum to 1."""
    shares = np.array([country.share for country in COUNTRIES])
    return np.asarray(shares / shares.sum())
