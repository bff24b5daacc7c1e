"""Each path alone, and all together, on planted tracks whose vectors are known."""

from pathlib import Path

import numpy as np
import pytest

from crossfade.retrieval.content.attention import unit
from crossfade.retrieval.content.combination import Combination, _weights
from crossfade.retrieval.content.known import Known
from crossfade.schema import columns as c
from tests.retrieval.content.planted import direction, known, rows_of

NEW = (
    {"track_id": "x_catalogue", "artist_ids": ["a05"]},  # a05 plays jazz
    {"track_id": "x_genre", "artist_ids": ["nobody"], "genres": ["punk"]},
    {"track_id": "x_audio", "audio_vector": direction(7).tolist()},
    {"track_id": "x_words", "title": "A Folksong"},
    {"track_id": "x_blank"},
)


@pytest.fixture(scope="module")
def world() -> Known:
    return known(*NEW)


@pytest.fixture(scope="module")
def fitted(world: Known) -> Combination:
    return Combination.fit(world, seed=0)


def cosine(vector: np.ndarray, artist: int) -> float:
    return float(vector @ unit(direction(artist)[None])[0])


def alone(fitted: Combination, world: Known, path: str, track: str) -> np.ndarray:
    return fitted.paths[path].vectors(world, rows_of(world, track))[0]


def test_each_path_tells_what_it_can_and_no_more(fitted: Combination, world: Known) -> None:
    assert cosine(alone(fitted, world, c.ARTIST_CATALOGUE, "x_catalogue"), 5) > 0.98
    assert not alone(fitted, world, c.ARTIST_CATALOGUE, "x_genre").any()
    by_genre = alone(fitted, world, c.NEIGHBOURS, "x_genre")
    assert by_genre[:4].argmax() == 2
    assert by_genre[2] > 0.8 > 0.3 > by_genre[[0, 1, 3]].max()
    assert cosine(alone(fitted, world, c.AUDIO, "x_audio"), 7) > 0.8
    assert not alone(fitted, world, c.AUDIO, "x_genre").any()
    assert alone(fitted, world, c.WORDS, "x_words")[:4].argmax() == 0
    assert not alone(fitted, world, c.WORDS, "x_audio").any()


def test_together_they_answer_for_every_track_of_which_anything_is_known(
    fitted: Combination, world: Known
) -> None:
    tracks = rows_of(world, *(str(row["track_id"]) for row in NEW))
    found, strongest = fitted.vectors(world, tracks)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 1, 1, 1, 0], atol=1e-5)
    assert cosine(found[0], 5) > 0.95
    assert found[1][:4].argmax() == 2
    assert cosine(found[2], 7) > 0.8
    names = [c.VECTOR_PATHS[code] if code >= 0 else None for code in strongest]
    assert names[0] == c.ARTIST_CATALOGUE
    assert names[1] in (c.NEIGHBOURS, c.WORDS)  # its genre is a word, too
    assert names[2] in (c.NEIGHBOURS, c.AUDIO)  # by what it sounds like, either way
    assert names[3:] == [c.WORDS, None]


def test_a_known_track_is_told_without_itself(fitted: Combination, world: Known) -> None:
    odd = rows_of(world, "a05t0")
    moved = world.vectors.copy()
    moved[odd[0]] = -moved[odd[0]]
    other = Known(world.catalogue, world.tokens, world.rows, moved, world.listens)
    for path in (c.ARTIST_CATALOGUE, c.NEIGHBOURS):
        np.testing.assert_array_equal(
            fitted.paths[path].vectors(other, odd), fitted.paths[path].vectors(world, odd)
        )


def test_a_path_that_tells_nothing_true_gets_no_weight() -> None:
    world, random = known(), np.random.default_rng(0)
    noise = unit(random.normal(size=world.vectors.shape))
    deaf = Known(
        world.catalogue, random.integers(0, 9999, world.tokens.shape), world.rows, noise, world.listens
    )
    weights = Combination.fit(deaf, seed=0).weights
    assert weights.max() < 0.2


def test_each_level_has_weights_of_its_own() -> None:
    random = np.random.default_rng(0)
    targets = unit(random.normal(size=(400, 6)))
    levels = np.repeat([0, 5], 200)
    # The first path is right where nothing is known of the artist, the second where much is.
    noise = unit(random.normal(size=(400, 6)))
    said = np.stack(
        [np.where((levels == level)[:, None], targets, noise) for level in (0, 5)], axis=1
    ).astype(np.float32)
    weights = _weights(said, targets, levels)
    assert weights[0, 0] > 0.85 > 0.2 > weights[0, 1]
    assert weights[5, 1] > 0.85 > 0.2 > weights[5, 0]
    np.testing.assert_allclose(weights[2], [0.5, 0.5], atol=0.1)  # no such track: by all
    assert weights.min() > 0


def test_saving_and_loading_keep_the_answers(fitted: Combination, world: Known, tmp_path: Path) -> None:
    fitted.save(tmp_path / "paths")
    loaded = Combination.load(tmp_path / "paths")
    tracks = np.arange(len(world.catalogue), dtype=np.int32)
    for one, other in zip(loaded.vectors(world, tracks), fitted.vectors(world, tracks), strict=True):
        np.testing.assert_array_equal(one, other)


def test_equal_seeds_give_equal_weights(fitted: Combination, world: Known) -> None:
    np.testing.assert_array_equal(Combination.fit(world, seed=0).weights, fitted.weights)
    assert (Combination.fit(world, seed=1).weights != fitted.weights).any()
