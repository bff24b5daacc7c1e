"""Which tracks the cold paths speak for, how much, and what is written down about it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.retrieval.content import cold
from crossfade.retrieval.content.attention import unit
from crossfade.retrieval.content.cold import Cold
from crossfade.schema import columns as c
from crossfade.schema.errors import IntegrityError
from tests import builders
from tests.retrieval.content.planted import catalogue, direction, vectors

NEW = (
    {"track_id": "x_catalogue", "artist_ids": ["a05"]},
    {"track_id": "x_genre", "artist_ids": ["nobody"], "genres": ["punk"]},
    {"track_id": "x_blank"},
)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Every planted track was played once, the first one 50 times; nobody played the new ones."""
    tracks = catalogue(*NEW)
    planted = [name for name in tracks.tracks.ids.to_pylist() if name[0] == "a"]
    plays = [("u", name, 1.0 + place / 1000) for place, name in enumerate(planted)]
    return builders.dataset([*plays, *((f"v{i}", planted[0], 2.0) for i in range(49))], tracks)


@pytest.fixture(scope="module")
def before(dataset: Dataset) -> np.ndarray:
    """What training is taken to have found: the truth, but one track that points elsewhere; new tracks point anywhere."""
    found = vectors(dataset.catalogue)
    found[~found.any(axis=1)] = unit(np.ones((1, found.shape[1])))
    found[dataset.catalogue.tracks.rows(["a05t0"])] = unit(direction(2)[None])
    return found


@pytest.fixture(scope="module")
def fitted(dataset: Dataset, before: np.ndarray) -> tuple[Cold, np.ndarray]:
    trained = np.array([name[0] == "a" for name in dataset.catalogue.tracks.ids.to_pylist()])
    return Cold.fit(dataset, before, trained, seed=0)


def cosines(found: np.ndarray, dataset: Dataset, artist: int, *names: str) -> np.ndarray:
    return found[dataset.catalogue.tracks.rows(list(names))] @ unit(direction(artist)[None])[0]


def test_new_tracks_take_what_the_paths_say(
    fitted: tuple[Cold, np.ndarray], dataset: Dataset, before: np.ndarray
) -> None:
    found, rows = fitted[1], dataset.catalogue.tracks.rows
    assert cosines(found, dataset, 5, "x_catalogue") > cosines(before, dataset, 5, "x_catalogue") + 0.2
    # Nobody knows the artist: the tower has no say.
    assert found[rows(["x_genre"])][0, 2] > 0.8
    np.testing.assert_allclose(found[rows(["x_blank"])], before[rows(["x_blank"])], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_few_listens_draw_a_track_to_what_the_paths_say_and_many_do_not(
    fitted: tuple[Cold, np.ndarray], dataset: Dataset, before: np.ndarray
) -> None:
    found = fitted[1]
    assert cosines(found, dataset, 5, "a05t0") > 0.8 > 0.1 > cosines(before, dataset, 5, "a05t0")
    first = dataset.catalogue.tracks.rows(["a00t0"])
    np.testing.assert_array_equal(found[first], before[first])


def test_origins_say_what_decided(fitted: tuple[Cold, np.ndarray], dataset: Dataset, tmp_path: Path) -> None:
    origins = fitted[0].origins
    rows = dataset.catalogue.tracks.rows(["a00t0", "x_genre", "x_blank"])
    first, by_genre, blank = (c.VECTOR_PATHS[code] for code in origins.paths[rows])
    assert (first, blank) == (c.LISTENS, c.TOWER)
    assert by_genre in (c.NEIGHBOURS, c.WORDS)  # its genre is a word, too
    assert origins.listens[rows].tolist() == [50, 0, 0]
    counts = origins.counts()
    assert sum(counts.values()) == len(dataset.catalogue)
    assert counts[c.LISTENS] == 1  # all others have a single listen, which two of the paths' outweigh
    fitted[0].save(tmp_path / "cold")
    loaded = Cold.load(tmp_path / "cold")
    np.testing.assert_array_equal(loaded.origins.paths, origins.paths)
    np.testing.assert_array_equal(loaded.origins.listens, origins.listens)
    assert loaded.combination is not None


def test_blocks_change_nothing(
    fitted: tuple[Cold, np.ndarray], dataset: Dataset, before: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold, "BLOCK", 100)
    trained = fitted[0].origins.listens > 0
    np.testing.assert_allclose(Cold.fit(dataset, before, trained, seed=0)[1], fitted[1], atol=1e-5)


def test_a_small_catalogue_keeps_the_towers_vectors(dataset: Dataset, tmp_path: Path) -> None:
    tiny = builders.dataset([("u", "t1", 1.0), ("u", "t2", 2.0)])
    given = np.eye(2, dtype=np.float32)
    small, found = Cold.fit(tiny, given, np.array([True, False]), seed=0)
    np.testing.assert_array_equal(found, given)
    assert small.combination is None
    assert small.origins.counts() == {**dict.fromkeys(c.VECTOR_PATHS, 0), c.LISTENS: 1, c.TOWER: 1}
    small.save(tmp_path / "cold")
    assert Cold.load(tmp_path / "cold").combination is None


def test_without_origins_nothing_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"vector_origins\.arrow is not a whole Arrow file"):
        Cold.load(tmp_path)


def test_a_dataset_without_playlists_or_times_is_enough(dataset: Dataset, before: np.ndarray) -> None:
    untimed = replace(dataset, split=replace(dataset.split, has_time=False))
    trained = (before != before[-1]).any(axis=1)
    assert np.isfinite(Cold.fit(untimed, before, trained, seed=0)[1]).all()
