"""What a twin is made of: its sizes, its first day and its seed."""

from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Final

from crossfade.schema.errors import InputError

TRACKS_PER_ARTIST: Final = 12
EARLIEST_YEAR: Final = 1975
LATEST_YEAR: Final = 2200
MOST_DAYS: Final = 3650
MOST_PLANTED: Final = 0.2  # all kinds together leave some accounts as they were


@dataclass(frozen=True)
class TwinSpec:
    """Sizes and seed of a simulated catalogue and its listeners.

    Args:
        num_users: Listeners; a few may join so late or listen so rarely that they have no event.
        num_tracks: Tracks in the catalogue, those that come out during the window included.
        num_days: Length of the window in days.
        seed: Any integer from 0.
        num_artists: None takes one artist for every 12 tracks.
        start: First day of the window (UTC).
        listens_per_day: Mean listens a day of a user who is there throughout.
        farm_share: Share of all listens that farm accounts make for one artist; as large a share of accounts is added for it.
        superfan_share: Share of the listeners who also play one artist for hours, most days.
        hijacked_share: Share of the listeners on whose account somebody else has sessions for some days.
        traveller_share: Share of the listeners who are abroad for some days.
        holidays: Days of the window, from 0, on which everybody lives as on a Sunday and listens a quarter more;
            season, not drift.

    Raises:
        InputError: A value is outside of its range.
    """

    num_users: int = 2_000
    num_tracks: int = 6_000
    num_days: int = 70
    seed: int = 42
    num_artists: int | None = None
    start: date = date(2025, 6, 2)
    listens_per_day: float = 5.0
    farm_share: float = 0.0
    superfan_share: float = 0.0
    hijacked_share: float = 0.0
    traveller_share: float = 0.0
    holidays: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        ranges = {
            "num_users": (self.num_users, 1, None),
            "num_tracks": (self.num_tracks, 1, None),
            "num_days": (self.num_days, 1, MOST_DAYS),
            "seed": (self.seed, 0, None),
            "num_artists": (self.artists, 1, self.num_tracks),
            "start's year": (self.start.year, EARLIEST_YEAR, LATEST_YEAR),
            "listens_per_day": (self.listens_per_day, 0.1, 100.0),
            "farm_share": (self.farm_share, 0.0, MOST_PLANTED),
            "superfan_share": (self.superfan_share, 0.0, MOST_PLANTED),
            "hijacked_share": (self.hijacked_share, 0.0, MOST_PLANTED),
            "traveller_share": (self.traveller_share, 0.0, MOST_PLANTED),
        }
        for name, (value, least, most) in ranges.items():
            if value < least or (most is not None and value > most):
                limit = f"at least {least}" if most is None else f"from {least} to {most}"
                raise InputError(f"A twin's {name} must be {limit}, got {value}.")

    @property
    def artists(self) -> int:
        """Number of artists."""
        return max(1, self.num_tracks // TRACKS_PER_ARTIST) if self.num_artists is None else self.num_artists

    @property
    def num_farm_accounts(self) -> int:
        """Number of accounts of the farm, which stand after the listeners."""
        return ceil(self.num_users * self.farm_share)

    @property
    def num_accounts(self) -> int:
        """Number of listeners and farm accounts."""
        return self.num_users + self.num_farm_accounts

    @property
    def start_day(self) -> int:
        """The window's first day as days since 1970-01-01."""
        return (self.start - date(1970, 1, 1)).days
