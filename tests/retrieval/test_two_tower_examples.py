from dataclasses import replace

import numpy as np
import pytest

from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.traits import vocabulary
from crossfade.retrieval.two_tower_examples import (
    EXAMPLE_HALF_LIFE_DAYS,
    REPEAT_WEIGHT,
    Examples,
    HardNegatives,
    sampling_probabilities,
    track_features,
)
from tests.builders import catalogue, dataset


def history(examples: Examples, place: int) -> list[int]:
    """The tracks of an example's history, most recent first."""
    return [int(row) for row in examples.track_rows[examples.starts[place] : examples.ends[place]][::-1]]


def test_histories_are_the_same_users_and_strictly_before() -> None:
    # Days apart, so every play is a session of its own; b0 and b1 are played in the same second.
    plays = [
        ("u", "a0", 1.0),
        ("u", "b0", 2.0),
        ("u", "b1", 2.0),
        ("u", "c0", 3.0),
        ("v", "a0", 2.5),
        ("v", "c0", 4.0),
    ]
    examples = Examples.of(dataset(plays))
    rows = {name: row for row, name in enumerate(["a0", "b0", "b1", "c0"])}
    assert examples.track_rows.tolist() == [rows[name] for _, name, _ in plays]
    assert [history(examples, place) for place in range(3)] == [[], [rows["a0"]], [rows["a0"]]]
    assert history(examples, 3) == [rows["b1"], rows["b0"], rows["a0"]]
    assert [history(examples, place) for place in (4, 5)] == [[], [rows["a0"]]]


def test_a_history_ends_before_the_session_where_anything_stands_there() -> None:
    minute = 1 / 1440
    plays = [("u", "a", 1.0), ("u", "b", 1.0 + minute), ("u", "c", 5.0), ("u", "d", 5.0 + minute)]
    examples = Examples.of(dataset(plays))
    # The first session has nothing before it, so its own earlier plays are seen; the second sees the first only.
    assert [history(examples, place) for place in range(4)] == [[], [0], [1, 0], [1, 0]]


def test_skips_are_neither_target_nor_history() -> None:
    examples = Examples.of(dataset([("u", "a", 1.0, 1.0), ("u", "b", 2.0, -1.0), ("u", "c", 3.0, 5.0)]))
    assert examples.track_rows.tolist() == [0, 2]
    assert history(examples, 1) == [0]


def test_traits_are_those_of_the_start_of_the_session() -> None:
    minute = 1 / 1440
    plays = [("u", "a", 4.5, -1.0), ("u", "b", 4.5 + minute, 1.0), ("u", "c", 6.25, 1.0)]
    data = dataset(plays)
    traits = vocabulary({"device=car": 1, "device=phone": 1, "context=radio": 1})
    car, phone, radio = traits.rows(["device=car", "device=phone", "context=radio"])
    situations = np.array([[car, -1, radio], [phone, -1, -1], [phone, -1, -1]], np.int8)
    data = replace(data, traits=traits, interactions=replace(data.interactions, situations=situations))
    examples = Examples.of(data)
    # b is played in the session that began with the skip of a, in the car at noon of 5 January 1970, a Monday.
    assert [traits.names(row.astype(np.int32)) for row in examples.traits] == [
        [None, "device=car", None, "context=radio", "hour=12", "weekday=0"],
        [None, "device=phone", None, None, "hour=6", "weekday=2"],
    ]
    timeless = replace(data, split=Split(0, 0, 0, has_time=False))
    assert (Examples.of(timeless).traits[:, 4:] == -1).all()
    assert (Examples.of(timeless).traits[:, 1] == [car, phone]).all()


def test_weights_follow_strength_repeats_and_age() -> None:
    plays = [("u", "a", 10.0, 1.0), ("u", "a", 100.0, 1.0), ("u", "b", 100.0, 5.0), ("u", "c", 20.0, -1.0)]
    plays += [("u", "c", 100.0, 1.0)]
    half_lives = 90.0 / EXAMPLE_HALF_LIFE_DAYS
    weights = Examples.of(dataset(plays)).weights
    # a at day 10 is 90 days old; a again and c after its skip were heard before; b is a save.
    expected = {"first a": 0.5**half_lives, "second a": REPEAT_WEIGHT, "b": 5.0, "c": REPEAT_WEIGHT}
    assert sorted(weights.tolist()) == pytest.approx(sorted(expected.values()))


def test_without_times_age_weighs_nothing() -> None:
    plays = [("u", "a", 1.0), ("u", "b", 500.0)]
    timeless = dataset(plays, split=Split(0, 0, 0, has_time=False))
    assert Examples.of(timeless).weights.tolist() == [1.0, 1.0]
    assert Examples.of(dataset(plays)).weights[0] < 0.1


def test_no_positives_give_no_examples() -> None:
    assert len(Examples.of(dataset([("u", "a", 1.0, -1.0)]))) == 0


def test_features_are_standardised_over_trained_tracks_only() -> None:
    tracks: list[dict[str, object]] = [
        {"track_id": "a", "energy": 0.2, "tempo_bpm": 100.0},
        {"track_id": "b", "energy": 0.4, "tempo_bpm": 100.0},
        {"track_id": "c", "energy": None, "tempo_bpm": 100.0},
        {"track_id": "d", "energy": 0.9, "tempo_bpm": 100.0},
    ]
    names, values = track_features(catalogue(tracks), 0, np.array([True, True, True, False]))
    # Mean 0.3 and deviation 0.1 over a and b; d lies 6 deviations out and is cut to 5; a tempo that never varies is left out.
    assert names == ["energy", "energy_missing"]
    np.testing.assert_allclose(values, [[-1, 0], [1, 0], [0, 1], [5, 0]], atol=1e-5)


def test_features_read_release_age_and_audio_vectors() -> None:
    tracks: list[dict[str, object]] = [
        {"track_id": "a", "release_date": 0, "audio_vector": [1.0, 3.0]},
        {"track_id": "b", "release_date": 90, "audio_vector": [2.0, 3.0]},
        {"track_id": "c", "release_date": 500, "audio_vector": None},
    ]
    names, values = track_features(catalogue(tracks), 100 * SECONDS_PER_DAY, np.ones(3, np.bool_))
    assert names == ["release_date", "audio_vector_0", "audio_vector_0_missing"]
    ages = np.log1p([100, 10, 0])  # the release of c lies ahead: age 0
    np.testing.assert_allclose(values[:, 0], (ages - ages.mean()) / ages.std(), rtol=1e-5)
    np.testing.assert_allclose(values[:, 1:], [[-1, 0], [1, 0], [0, 1]], atol=1e-6)


def test_a_catalogue_without_numbers_has_no_features() -> None:
    names, values = track_features(catalogue([{"track_id": "a"}, {"track_id": "b"}]), 0, np.ones(2, np.bool_))
    assert names == []
    assert values.shape == (2, 0)


def test_hard_negatives_are_skips_of_tracks_that_the_user_never_wanted() -> None:
    plays = [
        ("u", "a", 1.0, -1.0),
        ("u", "b", 1.0, -0.5),
        ("u", "b", 2.0, 1.0),
        ("w", "b", 1.0, -1.0),
        ("v", "a", 1.0, 1.0),
    ]
    hard = HardNegatives.of(dataset(plays))
    assert hard.offsets.tolist() == [0, 1, 1, 2]
    assert hard.track_rows.tolist() == [0, 1]


def test_sampling_probabilities_are_shares_of_a_batch() -> None:
    targets, negatives = np.array([0, 0, 0, 1], np.int32), np.array([1, 2], np.int32)
    # Shares 0.75, 0.25, 0 of targets plus half of 0, 0.5, 0.5: 0.75, 0.5, 0.25; scaled to a most of 1.
    probabilities = sampling_probabilities(targets, negatives, 4, 0.5)
    np.testing.assert_allclose(probabilities, [1, 2 / 3, 1 / 3, 1e-6], rtol=1e-6)
    only_targets = sampling_probabilities(targets, negatives[:0], 4, 0.5)
    np.testing.assert_allclose(only_targets, [1, 1 / 3, 1e-6, 1e-6], rtol=1e-6)


def test_builder_sessions_are_what_these_tests_rely_on() -> None:
    plays: Dataset = dataset([("u", "a", 1.0), ("u", "b", 1.001), ("u", "c", 2.0)])
    assert len(set(plays.interactions.sessions.tolist())) == 2
