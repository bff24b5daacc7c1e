"""Likeness by genres and audio, where the answer stands in the catalogue."""

import numpy as np

from crossfade.retrieval.content.likeness import Likeness, audio_numbers
from tests import builders

TRACKS = builders.catalogue(
    [
        {"track_id": "a", "genres": ["rock"], "energy": 0.0, "audio_vector": [1.0, 5.0]},
        {"track_id": "b", "genres": ["rock"], "energy": 1.0, "audio_vector": [-1.0, 5.0]},
        {"track_id": "c", "genres": ["jazz"], "energy": 0.0, "audio_vector": [1.0, 5.0]},
        {"track_id": "d", "genres": ["jazz"]},
        {"track_id": "e"},
    ]
)
KNOWN = np.array([0, 1, 2], np.int32)


def test_numbers_are_standardised_over_the_known_tracks() -> None:
    numbers = audio_numbers(TRACKS, KNOWN)
    # Energies 0, 1, 0 have mean 1/3 and deviation sqrt(2)/3; the constant second component is left out.
    expected = np.array([-1, 2, -1]) / np.sqrt(2)
    np.testing.assert_allclose(numbers[:3], np.stack([expected, -expected], axis=1), atol=1e-6)
    assert not numbers[3:].any()


def test_a_broken_number_does_not_outweigh_the_rest() -> None:
    tracks = builders.catalogue(
        [{"track_id": f"t{i}", "energy": 1e9 if i == 9 else i / 10} for i in range(10)]
    )
    assert np.abs(audio_numbers(tracks, np.arange(9, dtype=np.int32))).max() == 5.0


def test_genres_and_audio_have_an_equal_say_and_what_is_missing_leaves_the_rest() -> None:
    likeness = Likeness.of(TRACKS, KNOWN, audio_numbers(TRACKS, KNOWN))
    rows = np.arange(5, dtype=np.int32)
    found = likeness.among(rows, rows)
    np.testing.assert_allclose(np.diag(found), [1, 1, 1, 1, 0], atol=1e-6)
    # a and b: same genre (1/2), opposite audio (-1/2); a and c: other genre, same audio; c and d: d has genres alone.
    np.testing.assert_allclose(found[0, 1:4], [0, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(found[2, 3], np.sqrt(0.5), atol=1e-6)
    np.testing.assert_allclose(likeness.between(rows[:4], rows[1:]), np.diag(found, 1), atol=1e-6)


def test_a_rare_genre_weighs_more_than_one_that_all_have() -> None:
    rows = [{"track_id": f"t{i}", "genres": ["pop", "polka"] if i < 2 else ["pop"]} for i in range(9)]
    rows.append({"track_id": "u", "genres": ["polka", "pop"]})
    tracks = builders.catalogue(rows)
    known = np.arange(9, dtype=np.int32)
    likeness = Likeness.of(tracks, known, audio_numbers(tracks, known))
    found = likeness.among(np.array([9], np.int32), np.array([0, 5], np.int32))[0]
    assert found[0] > 0.8 > 0.2 > found[1]
