"""Lookup by (query, column)."""

import numpy as np

from crossfade.features.pairs import Pairs, at

OWNERS = np.array([0, 0, 0, 2], np.int64)
COLUMNS = np.array([4, 1, 4, 1], np.int32)
PAIRS = Pairs.of(OWNERS, COLUMNS, 5)


def test_totals_and_latest_are_by_distinct_pair() -> None:
    # Pairs as they first come: (0, 4), (0, 1), (2, 1).
    assert PAIRS.owners.tolist() == [0, 0, 2]
    assert PAIRS.total(np.array([1.0, 10.0, 100.0, 1000.0])).tolist() == [101, 10, 1000]
    assert PAIRS.total(np.array([True, False, True, True])).tolist() == [2, 0, 1]
    assert PAIRS.latest(np.array([3, 9, 5, 2])).tolist() == [5, 9, 2]


def test_places_look_only_in_their_own_query() -> None:
    wanted = np.array([[4, 0, -1], [1, 4, -1], [1, 4, 4]], np.int32)
    assert PAIRS.places(wanted).tolist() == [[0, -1, -1], [-1, -1, -1], [2, -1, -1]]
    assert PAIRS.places(wanted[2:], first=2).tolist() == [[2, -1, -1]]


def test_places_take_any_number_of_dimensions() -> None:
    assert PAIRS.places(np.array([[[4, 1], [1, 0]]], np.int32)).tolist() == [[[0, 1], [1, -1]]]


def test_many_pairs_are_those_of_a_dictionary() -> None:
    random = np.random.default_rng(0)
    owners, columns = np.sort(random.integers(0, 9, 5000)), random.integers(0, 3000, 5000).astype(np.int32)
    pairs = Pairs.of(owners, columns, 3000)
    places = {
        key: place
        for place, key in enumerate(dict.fromkeys(zip(owners.tolist(), columns.tolist(), strict=True)))
    }
    assert len(pairs.keys) == len(places)
    assert pairs.members.tolist() == [
        places[key] for key in zip(owners.tolist(), columns.tolist(), strict=True)
    ]
    wanted = random.integers(0, 3000, (9, 400)).astype(np.int32)
    found = [[places.get((query, column), -1) for column in row] for query, row in enumerate(wanted.tolist())]
    assert pairs.places(wanted).tolist() == found


def test_nothing_is_found_among_no_pairs() -> None:
    none = Pairs.of(OWNERS[:0], COLUMNS[:0], 0)
    assert none.places(np.array([[0, 1]], np.int32)).tolist() == [[-1, -1]]
    assert none.total(np.zeros(0)).tolist() == none.latest(np.zeros(0, np.int64)).tolist() == []
    assert at(np.zeros(0), np.array([[-1]]), 7).tolist() == [[7]]


def test_at_reads_values_and_fills_in_the_missing() -> None:
    assert at(np.array([5.0, 6.0]), np.array([1, -1, 0]), -2).tolist() == [6, -2, 5]
