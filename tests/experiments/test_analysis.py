"""A wrong split is told with the days, countries and devices where it shows; a right one tells nothing of them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from crossfade.experiments.analysis import mismatches
from crossfade.experiments.status import text

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def arm(countries: dict[str | None, int], devices: dict[str, int], tuesday: int) -> pa.Table:
    users = sum(countries.values())
    days = [MONDAY + timedelta(days=number < tuesday) for number in range(users)]
    return pa.table(
        {
            "first_shown": pa.array(days, pa.timestamp("us", "UTC")),
            "country": pa.array(
                [name for name, count in countries.items() for _ in range(count)], pa.string()
            ),
            "device": [name for name, count in devices.items() for _ in range(count)],
        }
    )


def test_the_country_that_loses_users_of_one_arm_is_named() -> None:
    control = arm({"SE": 500, "DE": 400, None: 20}, {"phone": 460, "car": 460}, 460)
    lossy = arm({"SE": 500, "DE": 250, None: 20}, {"phone": 460, "car": 310}, 310)
    found = mismatches({"control": control, "flow": lossy}, np.array([0.5, 0.5]))
    assert {(each["dimension"], each["value"]) for each in found} == {
        ("country", "DE"),
        ("device", "car"),
        ("day", "2026-03-03"),
    }
    (german,) = (each for each in found if each["value"] == "DE")
    assert german["users"] == {"control": 400, "flow": 250}
    assert german["p_value"] < 1e-6
    assert mismatches({"control": control, "flow": control}, np.array([0.5, 0.5])) == []


def test_people_are_told_in_a_line() -> None:
    told = {
        "experiment": "radio-flow",
        "users": {"control": 9},
        "of_several_variants": 0,
        "mismatches": [{"dimension": "country", "value": "DE", "users": {"control": 1400, "flow": 250}}],
        "effects": {},
        "action": "hold",
        "reasons": ["So."],
    }
    assert text(told).splitlines()[1] == (
        "country DE is split otherwise than allocated: control 1,400, flow 250"
    )
