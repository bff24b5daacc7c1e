"""Sources that recall what they said leave listens out of it; others are asked again with what is left."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from crossfade.retrieval.retelling import Retelling
from crossfade.retrieval.sources import unfitted
from crossfade.schema import columns as c
from tests.retrieval import worlds
from tests.retrieval.forgetting import case, world

DATA = world()
CASE = case(DATA)
NAMES = (c.ITEM_KNN, c.ALS, c.POPULAR)


def fitted(*names: str) -> Any:
    """Return some of the sources."""
    return SimpleNamespace(
        retrievers={name: unfitted(name, worlds.tiny_settings()).fit(DATA) for name in names}
    )


def test_who_recalls_is_asked_for_it_and_who_does_not_is_asked_anew() -> None:
    sources = fitted(*NAMES)
    asked = Retelling.of(sources, NAMES, CASE.queries, CASE.rows)
    assert set(asked.recalled) == {c.ITEM_KNN, c.POPULAR}
    reduced = CASE.queries.take(CASE.gone.owners)
    reduced = reduced.keep(reduced.track_rows % 3 > 0)
    told = asked.said(CASE.gone, lambda: reduced, CASE.places)
    assert told.shape == (*CASE.places.shape, len(NAMES))
    np.testing.assert_array_equal(told[..., 1], sources.retrievers[c.ALS].said(reduced, CASE.wanted))
    for place in (0, 2):
        expected = asked.recalled[NAMES[place]].without(CASE.gone, CASE.places)
        np.testing.assert_array_equal(told[..., place], expected)
    assert np.isfinite(told).any(axis=(0, 1)).all()
    assert np.isnan(told[CASE.places < 0]).all()


def test_a_source_that_was_left_out_says_nothing() -> None:
    asked = Retelling.of(fitted(c.ITEM_KNN), NAMES, CASE.queries, CASE.rows)
    told = asked.said(CASE.gone, lambda: CASE.queries.take(CASE.gone.owners), CASE.places)
    assert np.isnan(told[..., 1:]).all()
