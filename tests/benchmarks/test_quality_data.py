"""Tracks that nobody had heard before a moment leave the catalogue and every history, and rows still mean the same tracks."""

from dataclasses import replace

import numpy as np

from benchmarks.quality.data import known_before
from tests.builders import dataset


def test_only_tracks_heard_before_the_moment_stay() -> None:
    whole = dataset([("a", "t0", 1.0), ("a", "t1", 2.0), ("b", "t2", 1.0), ("b", "t1", 3.0)])
    acts, names = whole.interactions, whole.catalogue.tracks
    new = int(names.rows(["t2"])[0])
    moment = int(acts.seconds.max()) + 1
    assert len(known_before(whole, moment).catalogue) == len(np.unique(acts.track_rows))
    late = np.where(acts.track_rows == new, moment, acts.seconds)
    known = known_before(replace(whole, interactions=replace(acts, seconds=late)), moment)
    assert known.catalogue.tracks.ids.to_pylist() == ["t0", "t1"]
    kept = acts.track_rows != new
    told = known.catalogue.tracks.names(known.interactions.track_rows)
    assert told == names.names(acts.track_rows[kept])
    np.testing.assert_array_equal(known.interactions.user_rows, acts.user_rows[kept])
