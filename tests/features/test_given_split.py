"""A given split stays as it is given: nothing moves between its parts, whatever times it has or has not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.given_split import GivenLakes, make_given_dataset
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.lake.lake import GOLD, Lake
from crossfade.lake.layout import CATALOGUE, GOLD_SCHEMAS, INTERACTIONS, USER_PROFILES
from crossfade.schema import columns as c
from crossfade.schema.errors import TrainingError
from crossfade.schema.settings import parse_settings

START = datetime(2026, 1, 1, tzinfo=UTC)
Act = tuple[str, str, float | None]  # user, track, day
PERIODS = ("train", "valid", "test")


def _table(rows: Sequence[dict[str, object]], name: str) -> pa.Table:
    schema = GOLD_SCHEMAS[name]
    return pa.Table.from_pylist([{key: row.get(key) for key in schema.names} for row in rows], schema=schema)


def _lake(path: Path, acts: list[Act], artist: str | None = None) -> Lake:
    lake = Lake.create(path)
    rows = [
        {
            c.USER_ID: user,
            c.TRACK_ID: track,
            c.TIMESTAMP: None if day is None else START + timedelta(days=day),
            c.STRENGTH: 1.0,
            c.SESSION_ID: f"{user}@0",
        }
        for user, track, day in acts
    ]
    lake.overwrite(GOLD, INTERACTIONS, _table(rows, INTERACTIONS))
    users = [{c.USER_ID: user} for user in sorted({act[0] for act in acts})]
    lake.overwrite(GOLD, USER_PROFILES, _table(users, USER_PROFILES))
    tracks = [{c.TRACK_ID: track, c.ARTIST_ID: artist} for track in sorted({act[1] for act in acts})]
    lake.overwrite(GOLD, CATALOGUE, _table(tracks, CATALOGUE))
    return lake


def _given(tmp_path: Path, train: list[Act], test: list[Act], valid: list[Act] | None = None) -> Dataset:
    lakes = GivenLakes(
        _lake(tmp_path / "train", train, "told first"),
        _lake(tmp_path / "test", test, "told last"),
        _lake(tmp_path / "valid", valid) if valid else None,
    )
    return make_given_dataset(lakes, parse_settings("", []))


def _periods(made: Dataset) -> dict[str, set[tuple[str | None, str | None]]]:
    acts, split = made.interactions, made.split
    places = np.searchsorted([split.validation_start, split.test_start], acts.seconds, side="right")
    assert acts.seconds.max() < split.end
    users, tracks = made.users.ids.names(acts.user_rows), made.catalogue.tracks.names(acts.track_rows)
    found: dict[str, set[tuple[str | None, str | None]]] = {name: set() for name in PERIODS}
    for user, track, place in zip(users, tracks, places, strict=True):
        found[PERIODS[place]].add((user, track))
    return found


def _acts(first: int, stop: int, day: float | None = None, step: float = 0.0) -> list[Act]:
    return [
        (f"u{n % 7}", f"t{n}", None if day is None else day + (n - first) * step) for n in range(first, stop)
    ]


def _pairs(acts: list[Act]) -> set[tuple[str, str]]:
    return {act[:2] for act in acts}


@pytest.mark.parametrize("day", [None, 5.0], ids=["untimed", "all at one time"])
def test_three_parts_without_times_stay_three_periods(tmp_path: Path, day: float | None) -> None:
    train, valid, test = _acts(0, 70, day), _acts(70, 84, day), _acts(84, 105, day)
    made = _given(tmp_path, train, test, valid)
    assert _periods(made) == {"train": _pairs(train), "valid": _pairs(valid), "test": _pairs(test)}
    assert not made.split.has_time


def test_without_a_validation_part_training_gives_its_end(tmp_path: Path) -> None:
    train, test = _acts(0, 700), _acts(700, 770)
    found = _periods(_given(tmp_path, train, test))
    assert found["test"] == _pairs(test)
    assert found["train"] | found["valid"] == _pairs(train)
    # The last ninth of each user's 100 (10 of 90 days), give or take one for the phase.
    assert len(found["valid"]) == pytest.approx(700 / 9, abs=7)


def test_parts_one_after_the_other_keep_their_times(tmp_path: Path) -> None:
    train, valid, test = _acts(0, 70, 0.0, 0.1), _acts(70, 84, 8.0, 0.1), _acts(84, 98, 10.0, 0.1)
    made = _given(tmp_path, train, test, valid)
    days = {name: START.timestamp() + day * SECONDS_PER_DAY for name, day in (("valid", 8.0), ("test", 10.0))}
    assert made.split.has_time
    assert (made.split.validation_start, made.split.test_start) == (days["valid"], days["test"])
    assert _periods(made) == {"train": _pairs(train), "valid": _pairs(valid), "test": _pairs(test)}
    without = _given(tmp_path / "without", train, test)
    assert without.split.test_start == days["test"]
    assert 0 < len(_periods(without)["valid"]) < 35


def test_leaving_out_each_users_last_keeps_the_order_alone(tmp_path: Path) -> None:
    # Test plays lie among the training plays of others.
    train = [(f"u{n % 7}", f"t{n}", 100.0 * (n % 7) + n) for n in range(140)]
    test = [(f"u{n}", f"last{n}", 100.0 * n + 150) for n in range(7)]
    made = _given(tmp_path, train, test)
    assert not made.split.has_time
    assert _periods(made)["test"] == _pairs(test)
    known = made.until(made.split.test_start).interactions
    tracks = made.catalogue.tracks.names(known.track_rows[known.user_rows == 3])
    assert tracks == [f"t{n}" for n in range(3, 140, 7)]


def test_users_and_tracks_of_all_parts_are_known_and_the_first_word_counts(tmp_path: Path) -> None:
    made = _given(
        tmp_path, [*_acts(0, 70), ("u0", "both", None)], [("stranger", "both", None), ("u1", "new", None)]
    )
    assert "stranger" in made.users.ids.ids.to_pylist()
    artists = dict(
        zip(
            *(made.catalogue.table.column(name).to_pylist() for name in (c.TRACK_ID, c.ARTIST_ID)),
            strict=True,
        )
    )
    assert artists["both"] == "told first"
    assert artists["new"] == "told last"


def test_sessions_of_two_parts_are_never_one(tmp_path: Path) -> None:
    acts = _given(tmp_path, _acts(0, 70), _acts(70, 84)).interactions
    # Each user has one session in each part, of the same name.
    assert len(np.unique(acts.sessions)) == 14


def test_one_training_row_is_too_few_to_split(tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"in every period, but training has [01], validation has [01], test has 1"
    ):
        _given(tmp_path, [("u", "t", None)], [("u", "v", None)])
