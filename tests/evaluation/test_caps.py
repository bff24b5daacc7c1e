"""A slate meets its policy's caps or does not, one cap after the other."""

import numpy as np
import pytest

from crossfade.evaluation.caps import meets_caps
from crossfade.recommender.surfaces import default_policies
from crossfade.schema.tables import Surface
from tests import builders

TRACKS = builders.catalogue(
    [
        {"track_id": "a1", "artist_ids": ["a"], "album_id": "x"},
        {"track_id": "a2", "artist_ids": ["a"], "album_id": "x"},
        {"track_id": "b1", "artist_ids": ["b"], "album_id": "y"},
        {"track_id": "c1", "artist_ids": ["c"], "album_id": "z"},
        {"track_id": "d1"},
    ]
)
# The listener played a and b; c is small.
WORLD = builders.dataset([("u", "a1", 1), ("u", "b1", 2, -1.0)], TRACKS)
IS_SMALL = np.array([False, False, True])
OPEN = {"max_per_artist": 0, "max_per_album": 0, "new_artists": (0, 1), "small_artists": (0, 1)}


@pytest.mark.parametrize(
    ("slate", "caps", "met"),
    [
        (["a1", "a2", "b1", "c1"], {}, True),
        (["a1", "a2", "b1", "c1"], {"max_per_artist": 2}, True),
        (["a1", "a2", "b1", "c1"], {"max_per_artist": 1}, False),
        (["a1", "c1", "b1", "a2"], {"max_per_album": 1}, False),
        (["a1", "d1", "d1", None], {"max_per_artist": 1, "max_per_album": 1}, True),
        # One new artist of four places.
        (["a1", "a2", "b1", "c1"], {"new_artists": (0.25, 0.25)}, True),
        (["a1", "a2", "b1", "c1"], {"new_artists": (0.5, 1)}, False),
        (["a1", "a2", "b1", "c1"], {"new_artists": (0, 0.2)}, False),
        # A kept place that is empty; a track of an unknown artist is of neither kind.
        (["a1", "a2", "c1", None], {"new_artists": (0.5, 1)}, True),
        (["a1", "a2", "c1", "d1"], {"new_artists": (0.5, 1)}, True),
        (["a1", "a2", "b1", "c1"], {"small_artists": (0.25, 1)}, True),
        (["a1", "a2", "b1", "d1"], {"small_artists": (0.5, 1)}, False),
        (["a1", "c1", "b1", "d1"], {"small_artists": (0, 0)}, False),
    ],
)
def test_each_cap_is_counted_from_the_tracks(
    slate: list[str | None], caps: dict[str, object], met: bool
) -> None:
    policy = default_policies()[Surface.HOME].model_copy(update={**OPEN, **caps})
    rows = TRACKS.tracks.rows([name or "" for name in slate])[None]
    queries = WORLD.queries(np.array([0], np.int32), WORLD.split.end)
    assert meets_caps(rows, queries, policy, catalogue=TRACKS, is_small=IS_SMALL).tolist() == [met]


def test_many_slates_and_none_are_judged_row_by_row() -> None:
    policy = default_policies()[Surface.HOME].model_copy(update={**OPEN, "max_per_artist": 1})
    rows = TRACKS.tracks.rows(["a1", "a2", "a1", "b1"]).reshape(2, 2)
    queries = WORLD.queries(np.array([0, -1], np.int32), WORLD.split.end)
    found = meets_caps(rows, queries, policy, catalogue=TRACKS, is_small=IS_SMALL)
    assert found.tolist() == [False, True]
    nobody = meets_caps(rows[:0], queries.slice(0, 0), policy, catalogue=TRACKS, is_small=IS_SMALL)
    assert nobody.tolist() == []
