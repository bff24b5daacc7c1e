"""The benchmark of drift: what is planted is what is said, and its bars see both outcomes."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from benchmarks import drift
from benchmarks.drift.days import as_silver
from benchmarks.drift.planting import COUNTRY, DEVICE, GENRE, KINDS
from crossfade.schema import columns as c
from crossfade.schema.tables import EVENTS, TRACKS
from tests.lake.rows import arrow, minute

RANDOM = np.random.default_rng(0)
NUM = 4000


def tables() -> tuple[pa.Table, pa.Table]:
    rows = [
        {
            c.TRACK_ID: "rock",
            c.TIMESTAMP: minute(place),
            c.SESSION_ID: f"s{place // 2}",
            c.COUNTRY: (COUNTRY, "SE")[place % 2],
            c.DEVICE: (DEVICE, "phone")[place % 2],
            c.CONTEXT: "album",
            c.PLAYED_MS: 1000,
            c.PLAYED_SHARE: 0.5,
        }
        for place in range(NUM)
    ]
    tracks = [
        {c.TRACK_ID: "rock", c.GENRES: ["rock"]},
        {c.TRACK_ID: "piano", c.GENRES: ["baroque", "classical"]},
    ]
    return arrow(rows, EVENTS.schema), arrow(tracks, TRACKS.schema)


def test_half_of_one_countrys_plays_move_to_another_genre() -> None:
    events, _ = KINDS["taste_shift"].plant(*tables(), RANDOM)
    moved = events.filter(pc.equal(events.column(c.TRACK_ID), "piano"))
    assert set(moved.column(c.COUNTRY).to_pylist()) == {COUNTRY}
    assert len(moved) == pytest.approx(NUM / 4, rel=0.1)


def test_a_genre_that_nobody_knew_gets_a_twentieth() -> None:
    events, tracks = KINDS["new_genre"].plant(*tables(), RANDOM)
    new = tracks.filter(pc.list_element(tracks.column(c.GENRES), 0).cast(pa.string()).to_numpy() == GENRE)
    share = pc.mean(pc.is_in(events.column(c.TRACK_ID), new.column(c.TRACK_ID).combine_chunks())).as_py()
    assert share == pytest.approx(0.05, rel=0.2)


def test_one_client_breaks_and_a_column_goes_missing() -> None:
    events, _ = KINDS["broken_client"].plant(*tables(), RANDOM)
    zero = pc.equal(events.column(c.PLAYED_MS), 0)
    assert zero.to_pylist() == pc.equal(events.column(c.DEVICE), DEVICE).to_pylist()
    events, _ = KINDS["missing_column"].plant(*tables(), RANDOM)
    assert events.column(c.CONTEXT).null_count == pytest.approx(NUM / 3, rel=0.1)


def test_sessions_are_numbered_as_silver_does() -> None:
    events = as_silver(tables()[0].slice(0, 5))
    assert events.column(c.SESSION_POSITION).to_pylist() == [0, 1, 0, 1, 0]
    assert events.column(c.IS_BOT).to_pylist() == [False] * 5


def test_bars_see_both_outcomes() -> None:
    good = drift.Found(2, 60, 1, 0, Counter(dict.fromkeys(KINDS, 2)))
    bars = drift._result(good, [], quick=True).bars
    assert all(bar.holds for bar in bars.values())
    bad = drift.Found(2, 60, 4, 1, Counter(dict.fromkeys(KINDS, 1)))
    bars = drift._result(bad, [], quick=True).bars
    assert not any(bar.holds for bar in bars.values())
