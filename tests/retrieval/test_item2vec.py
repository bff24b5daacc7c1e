"""Item2vec on listeners of two planted genres, and on a playlist that alone says what belongs together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.playlists import Playlists
from crossfade.retrieval import item2vec
from crossfade.retrieval.item2vec import SHARPNESS, SHRINKAGE, Item2Vec
from crossfade.schema.errors import IntegrityError
from crossfade.schema.settings import IndexSettings, default_settings
from tests import builders
from tests.retrieval import worlds

EXACT = IndexSettings(backend="exact", min_recall=0.95, recall_at=500)


def model(seed: int = 0, num_neighbours: int = 5, **changes: Any) -> Item2Vec:
    small = {"dim": 4, "epochs": 200, "learning_rate": 0.1}
    return Item2Vec(
        default_settings().item2vec.model_copy(update=small | changes), EXACT, num_neighbours, seed
    )


def test_tracks_of_one_genre_have_like_vectors() -> None:
    world = worlds.planted()
    vectors = model().fit(world).vectors_
    heard = np.unique(world.interactions.track_rows)
    jazz, rock = (vectors[heard[(heard < worlds.NUM_TRACKS) == is_jazz]] for is_jazz in (True, False))
    assert (jazz @ jazz.T).mean() > 0.5 > (jazz @ rock.T).max()
    assert (rock @ rock.T).mean() > 0.5
    np.testing.assert_allclose(np.linalg.norm(vectors[heard], axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("at_once", [7, 1 << 15])
def test_neighbours_are_the_strongest_others_by_cosine_and_trust(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item2vec, "TRACKS_AT_ONCE", at_once)
    # The strength of j for i is max(cos(i, j), 0) ** 4 x n / (n + 20), where n lists hold j: a session and a history each play.
    world = worlds.planted()
    fitted = model(num_neighbours=6).fit(world)
    held = 2 * np.bincount(world.interactions.track_rows, minlength=len(world.catalogue))
    cosines = np.maximum(fitted.vectors_ @ fitted.vectors_.T, 0)
    np.fill_diagonal(cosines, 0)
    strengths = cosines**SHARPNESS * held / (held + SHRINKAGE)
    for row, found in zip(strengths, fitted.neighbours_.toarray(), strict=True):
        best = np.argsort(-row, kind="stable")[:6]
        np.testing.assert_allclose(found[best], row[best], rtol=1e-3)
        assert np.count_nonzero(found) == np.count_nonzero(row[best])


def test_playlists_alone_teach_what_belongs_together() -> None:
    # Nobody played two tracks; playlists hold a with b, and c with d.
    plays = [(f"u{i}", name, 1.0) for i, name in enumerate("abcd")]
    playlists = Playlists(
        np.arange(0, 81, 2),
        np.array([0, 1, 2, 3] * 20, np.int32),
        np.zeros(40, np.int64),
        pa.nulls(40, pa.string()),
    )
    dataset = replace(builders.dataset(plays), playlists=playlists)
    rows, _ = model().fit(dataset).recommend(dataset.queries(np.arange(4, dtype=np.int32), 10**9), 1)
    assert rows.ravel().tolist() == [1, 0, 3, 2]


def test_a_track_without_company_has_neither_vector_nor_neighbours() -> None:
    plays = [("ann", "a", 1.0), ("ann", "b", 2.0), ("ben", "lone", 1.0)]
    dataset = builders.dataset(plays)
    fitted = model().fit(dataset)
    assert fitted.vectors_.any(axis=1).tolist() == [True, True, False]
    assert fitted.neighbours_[2].nnz == 0
    assert fitted.recommend(dataset.queries(np.array([1], np.int32), 10**9), 2)[0].tolist() == [[-1, -1]]


def test_nothing_to_learn_from_answers_nobody() -> None:
    empty: Dataset = builders.dataset([], builders.catalogue([{"track_id": "a"}]))
    rows, _ = model().fit(empty).recommend(empty.queries(np.array([-1], np.int32), 0), 2)
    assert rows.tolist() == [[-1, -1]]


def test_equal_seeds_save_equal_bytes(tmp_path: Path) -> None:
    for name in ("first", "again"):
        model(seed=3).fit(worlds.planted()).save(tmp_path / name)
    for file in ("vectors.npy", "neighbours.arrow", "about.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_vectors_of_another_catalogue_are_refused(tmp_path: Path) -> None:
    model(epochs=1).fit(worlds.planted()).save(tmp_path)
    other = builders.catalogue([{"track_id": "a"}])
    with pytest.raises(IntegrityError, match=r"vectors\.npy was fitted on 16 tracks or artists.*has 1;"):
        Item2Vec.load(tmp_path, other)
