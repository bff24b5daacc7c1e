"""A spec refuses what cannot be simulated, and says what can."""

from datetime import date
from typing import Any

import pytest

from crossfade.schema.errors import InputError
from crossfade.twin.spec import TwinSpec


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_users": 0}, "num_users must be at least 1, got 0"),
        ({"num_tracks": 0}, "num_tracks must be at least 1, got 0"),
        ({"num_days": 0}, "num_days must be from 1 to 3650, got 0"),
        ({"num_days": 3651}, "num_days must be from 1 to 3650, got 3651"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"num_tracks": 10, "num_artists": 11}, "num_artists must be from 1 to 10, got 11"),
        ({"num_artists": 0}, "num_artists must be from 1 to 6000, got 0"),
        ({"start": date(1960, 1, 1)}, "start's year must be from 1975 to 2200, got 1960"),
        ({"listens_per_day": 0.0}, "listens_per_day must be from 0.1 to 100.0, got 0.0"),
    ],
)
def test_a_value_outside_of_its_range_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TwinSpec(**values)


def test_artists_follow_from_tracks_unless_given() -> None:
    assert TwinSpec(num_tracks=1200).artists == 100
    assert TwinSpec(num_tracks=5).artists == 1
    assert TwinSpec(num_tracks=1200, num_artists=7).artists == 7


def test_the_window_is_counted_from_its_start() -> None:
    spec = TwinSpec(start=date(1975, 1, 1), num_days=31)
    assert spec.start_day == 5 * 365 + 1  # 1972 was a leap year
