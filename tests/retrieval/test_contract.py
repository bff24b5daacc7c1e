"""One contract, run on every registered retriever; a new one joins by standing in `RETRIEVERS`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crossfade.retrieval.contract import RETRIEVERS, Ranking, Retriever, retriever_class
from crossfade.retrieval.sources import unfitted
from crossfade.schema import columns as c
from tests.retrieval import worlds

WORLD = worlds.planted()
QUERIES = WORLD.queries(np.array([0, 1, 2, 16, -1], np.int32), worlds.NOW)


@pytest.fixture(scope="module", params=RETRIEVERS)
def fitted(request: pytest.FixtureRequest) -> Retriever:
    return unfitted(request.param, worlds.tiny_settings()).fit(WORLD)


def test_every_retrieval_source_is_registered() -> None:
    # No default sources; docs/decisions/0007, 0008 and 0010.
    others = (c.SASREC, c.GRU4REC, c.ITEM2VEC, c.RELEASES)
    assert tuple(RETRIEVERS) == (*c.RADIO_SOURCES, *others)


def test_its_name_is_the_registered_one(fitted: Retriever) -> None:
    assert isinstance(fitted, retriever_class(fitted.name))


def test_rankings_are_padded_distinct_and_do_not_increase(fitted: Retriever) -> None:
    rows, scores = fitted.recommend(QUERIES, 6)
    assert (rows.shape, rows.dtype, scores.shape, scores.dtype) == ((5, 6), np.int32, (5, 6), np.float32)
    assert_well_formed((rows, scores), len(WORLD.catalogue))


def test_a_listener_gets_tracks_of_their_genre(fitted: Retriever) -> None:
    rows, _ = fitted.recommend(QUERIES.slice(0, 2), 3)
    genres = [[str(name)[0] for name in WORLD.catalogue.tracks.names(row[row >= 0])] for row in rows]
    assert genres[0].count("r") > genres[0].count("j")
    assert genres[1].count("j") > genres[1].count("r")


def test_a_batch_equals_its_singles(fitted: Retriever) -> None:
    batch = fitted.recommend(QUERIES, 5)
    singles = [fitted.recommend(QUERIES.slice(i, i + 1), 5) for i in range(len(QUERIES))]
    assert_same(batch, (np.concatenate([r for r, _ in singles]), np.concatenate([s for _, s in singles])))


def test_more_than_all_tracks_are_padded(fitted: Retriever) -> None:
    rows, scores = fitted.recommend(QUERIES, 40)
    assert rows.shape == (5, 40)
    assert_well_formed((rows, scores), len(WORLD.catalogue))
    assert (rows[:, len(WORLD.catalogue) :] == -1).all()


def test_an_unknown_user_and_one_without_plays_get_the_same_answer(fitted: Retriever) -> None:
    rows, scores = fitted.recommend(QUERIES, 4)
    assert_same((rows[3:4], scores[3:4]), (rows[4:5], scores[4:5]))


def test_no_queries_give_no_answers(fitted: Retriever) -> None:
    assert fitted.recommend(QUERIES.slice(0, 0), 3)[0].shape == (0, 3)


def test_save_and_load_keep_the_answer(fitted: Retriever, tmp_path: Path) -> None:
    directory = tmp_path / "new" / fitted.name
    fitted.save(directory)
    loaded = retriever_class(fitted.name).load(directory, WORLD.catalogue)
    assert_same(loaded.recommend(QUERIES, 6), fitted.recommend(QUERIES, 6))


@pytest.mark.parametrize("name", RETRIEVERS)
def test_fitting_again_forgets(name: str) -> None:
    retriever = unfitted(name, worlds.tiny_settings()).fit(worlds.planted(seed=1)).fit(WORLD)
    once = unfitted(name, worlds.tiny_settings()).fit(WORLD)
    assert_same(retriever.recommend(QUERIES, 6), once.recommend(QUERIES, 6))


def test_importing_the_sources_imports_no_tensorflow() -> None:
    heavy = "[name for name in ('tensorflow', 'tf_keras', 'scann', 'lightgbm') if name in sys.modules]"
    code = f"import sys, crossfade.retrieval.sources; print({heavy})"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def assert_well_formed(ranking: Ranking, num_tracks: int) -> None:
    for rows, scores in zip(*ranking, strict=True):
        found = rows >= 0
        assert not found[found.sum() :].any()
        assert len(set(rows[found])) == found.sum()
        assert (rows < num_tracks).all()
        assert (np.diff(scores[found]) <= 0).all()
        assert np.isneginf(scores[~found]).all()
        assert np.isfinite(scores[found]).all()


def assert_same(left: Ranking, right: Ranking) -> None:
    np.testing.assert_array_equal(left[0], right[0])
    np.testing.assert_allclose(left[1], right[1], rtol=1e-5)
