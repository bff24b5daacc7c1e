"""What is read at candidates, against NumPy's gathers."""

import numpy as np

from crossfade.features.catalogue import UNKNOWN_DAY
from crossfade.features.lookups import NEVER, ages_of, of_countries, of_rows, owners_of, shares_of

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.integers(-1, 7, (3, 5)).astype(np.int32)


def test_columns_of_a_table_are_gathered() -> None:
    table = RANDOM.random((7, 4), np.float32)
    expected = np.where(ROWS >= 0, table.T[:, ROWS], np.nan)
    np.testing.assert_array_equal(
        of_rows(table, ROWS, np.empty((table.shape[1], *ROWS.shape), np.float32)), expected
    )


def test_ages_of_tracks() -> None:
    released = np.array([10, UNKNOWN_DAY, 20], np.int32)
    first = np.array([12 * 86_400, NEVER, 15 * 86_400], np.int64)
    rows = np.array([[0, 1], [2, 0]], np.int32)
    found = ages_of(rows, (released, first), np.array([20 * 86_400 + 43_200, 21 * 86_400]))
    # At noon of day 20, and as day 21 begins.
    np.testing.assert_array_equal(found[0], [[10, np.nan], [1, 11]])
    np.testing.assert_array_equal(found[1], [[8.5, np.nan], [6, 9]])


def test_shares_of_artists_listens() -> None:
    rows, owners = np.array([[0, 1, 2]], np.int32), np.array([[1, -1, 0]], np.int32)
    listens = np.array([3, 5, 0], np.float32), np.array([0, 4], np.float32)
    np.testing.assert_array_equal(shares_of(rows, owners, listens), [[0.75, np.nan, 0]])


def test_country_shares_are_drawn_to_the_countrys_share_of_all() -> None:
    # Track 0 was heard 3 times in country 1 and once in 0, track 1 never anywhere.
    by_track = (np.array([0, 2, 2]), np.array([0, 1], np.int32), np.array([1, 3], np.float32))
    countries = (np.array([1, 0, -1], np.int32), np.array([0.5, 0.25, np.nan], np.float32))
    rows = np.array([[0, 1]] * 3, np.int32)
    found = of_countries(rows, by_track, countries, (np.array([4, 0], np.float32), 20.0))
    # (listens there + 20 x share) / (listens + 20)
    expected = [[13 / 24, 0.5], [6 / 24, 0.25], [np.nan, np.nan]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_owners_are_gathered_and_padding_has_nothing() -> None:
    random = np.random.default_rng(4)
    artists, albums = random.integers(-1, 9, (2, 30)).astype(np.int32)
    rows = random.integers(-1, 30, (3, 20)).astype(np.int32)
    expected = np.where(rows >= 0, np.stack([artists[rows], albums[rows]]), -1)
    np.testing.assert_array_equal(owners_of(rows, (artists, albums)), expected)
    ages = ages_of(rows, (np.full(30, 3, np.int32), np.zeros(30, np.int64)), np.full(3, 86_400 * 5))
    np.testing.assert_array_equal(np.isnan(ages), np.stack([rows < 0] * 2))
    by_track = (np.zeros(31, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    plays = (np.ones(30, np.float32), 20.0)
    shares = of_countries(rows, by_track, (np.zeros(3, np.int32), np.full(3, 0.5, np.float32)), plays)
    np.testing.assert_array_equal(np.isnan(shares), rows < 0)
