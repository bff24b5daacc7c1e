"""Tracks that nobody had heard before the test leave catalogue, histories and playlists, and rows still mean the same tracks."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from benchmarks.quality.data import known_tracks
from crossfade.evaluation.trial import Trial
from crossfade.features.dataset import Dataset, Split
from crossfade.features.playlists import Playlists
from tests.builders import dataset


def _late(new: str) -> Dataset:
    """A dataset whose test period is the one play of a track; a playlist holds all tracks."""
    whole = dataset([("a", "t0", 1.0), ("a", "t1", 2.0), ("b", "t2", 1.0), ("b", "t1", 3.0)])
    acts, row = whole.interactions, int(whole.catalogue.tracks.rows([new])[0])
    moment = int(acts.seconds.max()) + 1
    late = np.where(acts.track_rows == row, moment, acts.seconds)
    playlists = Playlists(
        np.array([0, 3], np.int64), np.arange(3, dtype=np.int32), np.zeros(1, np.int64), pa.array(["mix"])
    )
    split = Split(moment - 1, moment, moment + 1)
    return replace(whole, interactions=replace(acts, seconds=late), split=split, playlists=playlists)


def test_only_tracks_heard_before_the_test_stay() -> None:
    whole = _late("t0")
    known = known_tracks(Trial.of(whole)).judged
    assert known.catalogue.tracks.ids.to_pylist() == ["t1", "t2"]
    kept = whole.interactions.track_rows != 0
    told = known.catalogue.tracks.names(known.interactions.track_rows)
    assert told == whole.catalogue.tracks.names(whole.interactions.track_rows[kept])
    np.testing.assert_array_equal(known.interactions.user_rows, whole.interactions.user_rows[kept])
    assert known.catalogue.tracks.names(known.playlists.track_rows) == ["t1", "t2"]
    assert known.playlists.offsets.tolist() == [0, 2]


def test_what_is_not_masked_does_not_make_a_track_known() -> None:
    whole = _late("t0")
    only_b = replace(whole, interactions=whole.interactions.where(whole.interactions.user_rows == 1))
    made = known_tracks(Trial(whole, only_b))
    for part in (made.tuning, made.judged):
        assert part.catalogue.tracks.ids.to_pylist() == ["t1", "t2"]
