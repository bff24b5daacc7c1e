"""Sources that are cut to a few tracks say the same of them, to the last bit, with whatever is left out of histories."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from crossfade.retrieval.retelling import Links, Retelling
from crossfade.retrieval.sources import unfitted
from crossfade.retrieval.telling import product_at
from crossfade.schema import columns as c
from tests.retrieval import worlds

WORLD = worlds.planted()
QUERIES = WORLD.queries(np.array([0, 1, 2, 16, -1], np.int32), worlds.NOW)
NAMES = (c.ITEM_KNN, c.EASE, c.POPULAR)


def fitted(names: Sequence[str]) -> Any:
    """Return some of the sources."""
    return SimpleNamespace(
        retrievers={name: unfitted(name, worlds.tiny_settings()).fit(WORLD) for name in names}
    )


def test_parts_of_histories_are_answered_as_without_the_cut() -> None:
    num_tracks = len(WORLD.catalogue)
    sources = fitted(NAMES)
    wanted = np.tile(np.arange(0, num_tracks, 2, dtype=np.int32), (len(QUERIES), 1))
    asked = Retelling.of(sources, NAMES, QUERIES, wanted)
    assert set(asked.links) == {c.ITEM_KNN, c.EASE}
    owners = np.array([2, 0, 0, 4, 3, 1], np.int64)
    parts = QUERIES.take(owners)
    parts = parts.keep(parts.track_rows % 3 > 0)
    places = np.tile(np.arange(wanted.shape[1], dtype=np.int32)[::-1], (len(owners), 1))
    places[:, ::3] = -1
    rows = np.where(places >= 0, wanted[owners[:, None], places], np.int32(-1))
    told = asked.said(owners, parts, places)
    assert told.shape == (*rows.shape, len(NAMES))
    for place, name in enumerate(NAMES):
        np.testing.assert_array_equal(told[..., place], sources.retrievers[name].said(parts, rows))
        assert np.isfinite(told[..., place]).any()
    assert np.isnan(told[rows < 0]).all()


def test_a_source_that_was_left_out_says_nothing() -> None:
    wanted = np.zeros((len(QUERIES), 1), np.int32)
    asked = Retelling.of(fitted([c.ITEM_KNN]), NAMES, QUERIES, wanted)
    told = asked.said(np.arange(len(QUERIES)), QUERIES, wanted)  # the first track, whose place is 0 as well
    assert np.isnan(told[..., 1:]).all()


def test_only_links_to_wanted_tracks_are_kept() -> None:
    knn = unfitted(c.ITEM_KNN, worlds.tiny_settings()).fit(WORLD)
    recent = knn.recent(QUERIES)
    wanted = np.full((len(QUERIES), 2), -1, np.int32)
    wanted[0] = knn.neighbours_[recent.indices[0]].indices[:2]
    links = Links.of(recent, knn.neighbours_, wanted)
    assert set(links.places[: links.offsets[-1]].tolist()) == {0, 1}
    assert 0 < links.offsets[-1] < len(knn.neighbours_.indices)
    owners, places = np.arange(len(QUERIES)), np.tile(np.array([1, 0], np.int32), (len(QUERIES), 1))
    np.testing.assert_array_equal(
        links.at(owners, recent, places), product_at(recent, knn.neighbours_, wanted[:, ::-1])
    )
