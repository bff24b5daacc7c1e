"""Links are cut to the few tracks that are asked about, and know where they lead."""

import numpy as np

from crossfade.retrieval.heard import Heard
from crossfade.retrieval.item_knn import ItemKnn
from crossfade.retrieval.linked import Linked, Units
from tests.retrieval import worlds

WORLD = worlds.planted()
QUERIES = WORLD.queries(np.array([0, 1, 2, 16, -1], np.int32), worlds.NOW)


def test_only_links_to_wanted_tracks_are_kept_and_the_strongest_is_found() -> None:
    knn = ItemKnn(5).fit(WORLD)
    recent = knn.recent(QUERIES)
    heard = Heard.of(QUERIES)
    wanted = np.full((len(QUERIES), 2), -1, np.int32)
    wanted[0] = knn.neighbours_[recent.indices[0]].indices[:2]
    linked = knn.recalled(heard, QUERIES, wanted)
    assert (linked.offsets[1] > 0, linked.offsets[2] > linked.offsets[1]) == (True, True)
    assert (linked.offsets[2:] == linked.offsets[2]).all()  # nobody else is asked about anything
    weights = heard.read(recent)
    found, added, total = linked.strongest(weights)
    dense = recent.scipy().toarray()[0][:, None] * knn.neighbours_.toarray()[:, wanted[0]]
    np.testing.assert_array_equal(found[0], dense.argmax(axis=0))
    np.testing.assert_allclose(added[0], dense.max(axis=0), rtol=1e-6)
    np.testing.assert_allclose(total[0], dense.sum(axis=0), rtol=1e-6)
    assert (found[1:] == -1).all()
    assert (total[1:] == 0).all()


def test_units_without_links_say_nothing() -> None:
    knn = ItemKnn(5).fit(WORLD)
    heard = Heard.of(QUERIES.slice(3, 5))  # nobody heard anything
    linked = Linked.of(
        Units.of_tracks(heard, np.zeros(0, np.float32)), knn.neighbours_, np.zeros((2, 3), np.int32)
    )
    assert len(linked.sums) == 0
    assert linked.offsets.tolist() == [0] * 7
