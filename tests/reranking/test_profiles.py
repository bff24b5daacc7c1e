"""Genre profiles are shares of wanted listening."""

import numpy as np

from crossfade.reranking.profiles import GENRES_PER_PROFILE, GenreProfiles
from crossfade.schema import columns as c
from tests.builders import catalogue, dataset


def test_shares_follow_strength_and_skips_do_not_count() -> None:
    tracks = catalogue(
        [
            {c.TRACK_ID: "rock", c.GENRES: ["rock"]},
            {c.TRACK_ID: "both", c.GENRES: ["jazz", "rock"]},
            {c.TRACK_ID: "pop", c.GENRES: ["pop"]},
            {c.TRACK_ID: "none"},
        ]
    )
    plays = [("u", "rock", 1, 1.0), ("u", "both", 2, 2.0), ("u", "pop", 3, -1.0), ("v", "none", 1, 1.0)]
    listens = dataset(plays, tracks)
    queries = listens.queries(np.array([0, 1, -1], np.int32), listens.split.end)
    profiles = GenreProfiles.of(queries, tracks.genre_rows, len(tracks.genres))
    jazz, rock = tracks.genres.rows(["jazz", "rock"])
    # u: rock 1 + 2/2, jazz 2/2, in all 3; v and the unknown user have no genre.
    assert profiles.genre_rows[:, :3].tolist() == [[rock, jazz, -1], [-1, -1, -1], [-1, -1, -1]]
    assert profiles.shares[0, :2].tolist() == [2 / 3, 1 / 3]
    assert profiles.shares[1:].sum() == 0


def test_only_the_strongest_genres_are_kept_and_sum_to_one() -> None:
    names = [f"g{number:02}" for number in range(GENRES_PER_PROFILE + 4)]
    tracks = catalogue([{c.TRACK_ID: name, c.GENRES: [name]} for name in names])
    plays = [("u", name, 1, 1.0 + place) for place, name in enumerate(names)]
    listens = dataset(plays, tracks)
    queries = listens.queries(np.array([0], np.int32), listens.split.end)
    profiles = GenreProfiles.of(queries, tracks.genre_rows, len(tracks.genres))
    assert profiles.genre_rows[0].tolist() == list(range(len(names) - 1, 3, -1))
    assert np.isclose(profiles.shares[0].sum(), 1.0)


def test_profiles_without_genres_are_those_of_strangers() -> None:
    listens = dataset([("u", "t", 1)], catalogue([{c.TRACK_ID: "t", c.GENRES: ["pop"]}]))
    strangers = listens.queries(np.array([-1, -1], np.int32), listens.split.end)
    of_strangers = GenreProfiles.of(strangers, listens.catalogue.genre_rows, 1)
    none = GenreProfiles.none(2)
    assert (none.genre_rows == of_strangers.genre_rows[:, :1]).all()
    assert (none.shares == of_strangers.shares[:, :1]).all()


def test_profiles_are_sums_over_histories() -> None:
    random = np.random.default_rng(2)
    genres = np.where(random.random((30, 5)) < 0.6, random.integers(0, 9, (30, 5)), -1).astype(np.int32)
    plays = [
        (f"u{number % 3}", f"t{random.integers(0, 30):02}", number, float(random.integers(1, 6)))
        for number in range(80)
    ]
    listens = dataset(plays, catalogue([{c.TRACK_ID: f"t{row:02}"} for row in range(30)]))
    queries = listens.queries(np.array([0, 1, 2, -1], np.int32), listens.split.end)
    profiles = GenreProfiles.of(queries, genres, 9)
    for query in range(4):
        mass = np.zeros(9)
        for entry in range(queries.offsets[query], queries.offsets[query + 1]):
            own = genres[queries.track_rows[entry]]
            np.add.at(mass, own[own >= 0], queries.strengths[entry] / max((own >= 0).sum(), 1))
        known = profiles.genre_rows[query][profiles.genre_rows[query] >= 0]
        assert set(known.tolist()) == set(np.flatnonzero(mass).tolist())
        shares = mass[known] / mass.sum() if mass.any() else mass[known]
        np.testing.assert_allclose(profiles.shares[query][: len(known)], shares, rtol=1e-6)
