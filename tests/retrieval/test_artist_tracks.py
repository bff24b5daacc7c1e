"""Tracks of a listener's artists, and of artists like them."""

from datetime import date

import numpy as np

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.retrieval.artist_tracks import ArtistTracks
from crossfade.schema.ids import Rows
from tests import builders
from tests.retrieval.forgetting import said

DAY = SECONDS_PER_DAY


def names(dataset: Dataset, rows: Rows) -> list[str]:
    return [str(name) for name in dataset.catalogue.tracks.names(rows[rows >= 0])]


def ask(dataset: Dataset, user: int, k: int = 10) -> list[str]:
    rows, _ = ArtistTracks().fit(dataset).recommend(dataset.queries(np.array([user], np.int32), 30 * DAY), k)
    return names(dataset, rows[0])


def test_an_artists_tracks_come_by_popularity_and_unheard_ones_last() -> None:
    tracks = builders.catalogue(
        [{"track_id": name, "artist_ids": ["a"]} for name in ("a1", "a2", "a3", "a4")]
    )
    plays = [("ann", "a2", 20.0), ("ben", "a2", 20.0), ("ben", "a1", 20.0), ("cyd", "a4", 2.0)]
    dataset = builders.dataset(plays, tracks)
    # a1 was heard lately, a4 long ago; a3 never.
    assert ask(dataset, 0) == ["a2", "a1", "a4", "a3"]


def test_among_unheard_tracks_the_newest_comes_first() -> None:
    released = {"a1": None, "a2": date(1970, 1, 20), "a3": date(1969, 1, 1), "a4": date(1970, 1, 10)}
    tracks = builders.catalogue(
        [{"track_id": name, "artist_ids": ["a"], "release_date": day} for name, day in released.items()]
    )
    dataset = builders.dataset([("ann", "a1", 25.0)], tracks)
    assert ask(dataset, 0) == ["a1", "a2", "a4", "a3"]


def test_an_artist_with_many_tracks_does_not_take_the_whole_list() -> None:
    tracks = builders.catalogue(
        [{"track_id": f"a{i:03}", "artist_ids": ["a"]} for i in range(500)]
        + [{"track_id": f"b{i}", "artist_ids": ["b"]} for i in range(5)]
    )
    plays = [("ann", f"a{i:03}", 1.0 + i) for i in range(8)] + [("ann", "b0", 9.5), ("ann", "b1", 9.6)]
    assert {"b2", "b3", "b4"} <= set(ask(builders.dataset(plays, tracks), 0, k=20))


def test_the_artist_played_most_and_last_comes_first() -> None:
    plays = [
        ("ann", "a1", 10.0),
        ("ann", "a2", 10.1),
        ("ann", "b1", 10.2),
        ("ben", "a3", 1.0),
        ("ben", "b2", 1.0),
    ]
    assert ask(builders.dataset(plays), 0).index("a3") < ask(builders.dataset(plays), 0).index("b2")
    long_ago = [("ann", "a1", 1.0), ("ann", "b1", 29.0), ("ben", "a3", 1.0), ("ben", "b2", 1.0)]
    assert ask(builders.dataset(long_ago), 0).index("b2") < ask(builders.dataset(long_ago), 0).index("a3")


def test_a_save_speaks_louder_than_a_play_but_not_without_bound() -> None:
    # Strength 5 counts as 2, and an artist's weight to the power of 0.7.
    dataset = builders.dataset([("ann", "a1", 10.0, 1.0), ("ben", "b1", 10.0, 5.0)])
    _, scores = (
        ArtistTracks().fit(dataset).recommend(dataset.queries(np.array([0, 1], np.int32), 30 * DAY), 1)
    )
    np.testing.assert_allclose(scores[1] / scores[0], 2**0.7, rtol=1e-6)


def test_related_artists_bring_new_ones_after_the_own() -> None:
    # Everybody but ann plays both a and b; c has its own listeners.
    plays = [("ann", "a1", 5.0)] + [
        play
        for i in range(5)
        for play in ((f"ben{i}", "a1", 5.0), (f"ben{i}", "b1", 5.01), (f"cyd{i}", "c1", 5.0))
    ]
    assert ask(builders.dataset(plays), 0) == ["a1", "b1"]


def test_skipped_artists_bring_nothing() -> None:
    plays = [("ann", "a1", 5.0, -1.0), ("ben", "a1", 5.0, 1.0), ("ben", "a2", 5.0, 1.0)]
    assert ask(builders.dataset(plays), 0) == []


def test_tracks_without_an_artist_are_left_to_other_sources() -> None:
    tracks = builders.catalogue([{"track_id": "a1", "artist_ids": ["a"]}, {"track_id": "lost"}])
    assert ask(builders.dataset([("ann", "lost", 5.0), ("ann", "a1", 5.0)], tracks), 0) == ["a1"]
    assert ask(builders.dataset([("ann", "lost", 5.0)], tracks), 0) == []


def test_a_second_fit_forgets_the_first() -> None:
    tracks = builders.catalogue([{"track_id": name, "artist_ids": [name[0]]} for name in ("a1", "a2", "b1")])
    first = builders.dataset([("ann", "a1", 20.0), ("ben", "b1", 20.0), ("ben", "a2", 20.0)], tracks)
    second = builders.dataset([("ann", "a1", 20.0), ("ann", "b1", 20.0), ("ben", "b1", 21.0)], tracks)
    queries = second.queries(np.array([0, 1], np.int32), 30 * DAY)
    rows = np.tile(np.arange(3, dtype=np.int32), (2, 1))
    source = ArtistTracks().fit(first)
    before = said(source, queries, rows)
    after = said(source.fit(second), queries, rows)
    np.testing.assert_array_equal(after, said(ArtistTracks().fit(second), queries, rows))
    assert not np.array_equal(before, after, equal_nan=True)
