"""Item neighbours on worlds whose neighbours follow by counting baskets."""

from dataclasses import replace

import numpy as np
import pytest

from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.retrieval import neighbours as module
from crossfade.retrieval.item_knn import ItemKnn
from crossfade.retrieval.neighbours import baskets, neighbours
from crossfade.schema.ids import Rows
from tests import builders

DAY = SECONDS_PER_DAY


def names(dataset: Dataset, rows: Rows) -> list[str]:
    return [str(name) for name in dataset.catalogue.tracks.names(rows[rows >= 0])]


def test_likeness_is_the_shrunk_cosine_of_damped_baskets() -> None:
    # ann: {a, b} in one session; ben: {a, c} on two days. A basket of n weighs n ** -0.5.
    dataset = builders.dataset([("ann", "a", 1.0), ("ann", "b", 1.001), ("ben", "a", 1.0), ("ben", "c", 2.0)])
    acts = dataset.interactions
    found = neighbours(baskets(acts, acts.track_rows, 3), 5, shrinkage=0.5).toarray()
    pair, single = 2**-0.5, 1.0
    ab = pair + pair  # ann and her session
    ac = pair  # ben
    a = 2 * pair + pair + single  # ann, ben, her session, one of his
    b, c = pair + pair, pair + single
    np.testing.assert_allclose(found[0, 1], ab / (np.sqrt(a * b) + 0.5), rtol=1e-6)
    np.testing.assert_allclose(found[0, 2], ac / (np.sqrt(a * c) + 0.5), rtol=1e-6)
    np.testing.assert_allclose(found, found.T, rtol=1e-6)
    assert found[1, 2] == 0
    assert (np.diag(found) == 0).all()


def test_blocks_give_what_one_product_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    plays = [(f"u{random.integers(12):02}", f"t{random.integers(30):02}", float(day)) for day in range(150)]
    acts = builders.dataset(plays).interactions
    occurrences = baskets(acts, acts.track_rows, 30)
    whole = neighbours(occurrences, 4, 1.0)
    monkeypatch.setattr(module, "BLOCK_PAIRS", 20)
    blocks = neighbours(occurrences, 4, 1.0)
    assert (whole != blocks).nnz == 0
    assert whole.indices.tolist() == blocks.indices.tolist()
    assert np.diff(whole.indptr).max() == 4


def test_a_huge_history_keeps_its_newest_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BASKET", 2)
    acts = builders.dataset([("ann", "a", 1.0), ("ann", "b", 2.0), ("ann", "c", 3.0)]).interactions
    users = baskets(acts, acts.track_rows, 3)[:1].toarray()
    np.testing.assert_allclose(users, [[0, 2**-0.25, 2**-0.25]], rtol=1e-6)


def test_skips_are_no_evidence_of_likeness() -> None:
    dataset = builders.dataset([("ann", "a", 1.0), ("ann", "b", 1.001, -1.0), ("ann", "c", 1.002)])
    knn = ItemKnn(5).fit(dataset)
    queries = builders.dataset([("eve", "a", 1.0)], dataset.catalogue).queries(
        np.array([0], np.int32), 2 * DAY
    )
    assert names(dataset, knn.recommend(queries, 3)[0][0]) == ["c"]


def test_the_same_session_counts_more_than_the_same_listener() -> None:
    # Everybody plays all three; b comes in a's session, c the day after.
    plays = [
        play for user in ("ann", "ben") for play in ((user, "a", 1.0), (user, "b", 1.001), (user, "c", 2.0))
    ]
    dataset = builders.dataset(plays)
    queries = builders.dataset([("eve", "a", 1.0)], dataset.catalogue).queries(
        np.array([0], np.int32), 3 * DAY
    )
    rows, scores = ItemKnn(5).fit(dataset).recommend(queries, 3)
    assert names(dataset, rows[0]) == ["b", "c"]
    assert scores[0, 0] > scores[0, 1]


def two_pairs() -> Dataset:
    """Listeners of a also play x, listeners of b also play y."""
    return builders.dataset(
        [
            (f"{pair[0]}{i}", track, 1.0 + place / 1000)
            for pair in ("ax", "by")
            for i in range(3)
            for place, track in enumerate(pair)
        ]
    )


def ask(dataset: Dataset, plays: list[tuple[str, str, float]]) -> list[str]:
    asker = builders.dataset(plays, dataset.catalogue)
    rows, _ = ItemKnn(5).fit(dataset).recommend(asker.queries(np.array([0], np.int32), 90 * DAY), 4)
    return names(dataset, rows[0])


def test_what_was_played_last_weighs_more() -> None:
    filler = [("eve", "b", 2.0 + i / 1000) for i in range(19)]
    # One play of a, then as many others that the one a weighs about half; played often, b outweighs it.
    assert ask(two_pairs(), [("eve", "a", 1.0), *filler])[0] == "y"
    assert ask(two_pairs(), [("eve", "b", 1.0), ("eve", "a", 2.0)])[0] == "x"
    assert ask(two_pairs(), [("eve", "a", 1.0), ("eve", "b", 2.0)])[0] == "y"


def test_without_timestamps_order_means_nothing() -> None:
    dataset = replace(two_pairs(), split=Split(0, 0, 0, has_time=False))
    asker = builders.dataset([("eve", "a", 1.0), ("eve", "b", 1.001)], dataset.catalogue)
    rows, scores = ItemKnn(5).fit(dataset).recommend(asker.queries(np.array([0], np.int32), DAY * 2), 4)
    assert names(dataset, rows[0]) == ["x", "y"]
    assert scores[0, 0] == scores[0, 1]


def test_without_positives_nothing_is_near() -> None:
    dataset = builders.dataset([("ann", "a", 1.0, -1.0)])
    rows, _ = ItemKnn(5).fit(dataset).recommend(dataset.queries(np.array([0], np.int32), 2 * DAY), 2)
    assert (rows == -1).all()
