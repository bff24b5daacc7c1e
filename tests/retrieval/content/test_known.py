"""Known tracks hide and show, and evidence is counted without the track itself."""

import numpy as np

from tests.retrieval.content.planted import known, rows_of


def test_hidden_tracks_are_gone_and_the_catalogue_stays() -> None:
    world = known()
    hidden = np.zeros(len(world.catalogue), np.bool_)
    hidden[:10] = True
    shown = world.without(hidden)
    assert len(shown.rows) == len(world.rows) - 10
    assert not shown.mask[:10].any()
    np.testing.assert_array_equal(shown.vectors, world.vectors[10:])
    assert len(shown.catalogue) == len(world.catalogue)


def test_levels_count_the_known_tracks_of_all_artists_but_the_track_itself() -> None:
    world = known(
        {"track_id": "x_new", "artist_ids": ["a00"]},  # 10 known tracks: from 8 to 15
        {"track_id": "x_duo", "artist_ids": ["a00", "a01"]},  # 20
        {"track_id": "x_stranger", "artist_ids": ["nobody"]},
        {"track_id": "x_nameless"},
    )
    hidden = np.zeros(len(world.catalogue), np.bool_)
    hidden[rows_of(world, *(f"a02t{track}" for track in range(1, 10)))] = True
    shown = world.without(hidden)
    tracks = rows_of(world, "x_new", "x_duo", "x_stranger", "x_nameless", "a02t0", "a02t1", "a03t0")
    # a02t0 alone is known of its artist; a03t0 has nine others.
    np.testing.assert_array_equal(shown.levels(tracks), [4, 5, 0, 0, 0, 1, 4])
