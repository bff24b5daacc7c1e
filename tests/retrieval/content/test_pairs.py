"""Who speaks for a track: the tracks of its artists, guests included, or those of most alike content."""

from datetime import date

import numpy as np
import pytest

from crossfade.retrieval.content import pairs
from crossfade.retrieval.content.known import Known
from crossfade.retrieval.content.pairs import Pairs, artist_pairs, neighbour_pairs
from tests.retrieval.content.planted import known, rows_of


def names(world: Known, found: Pairs, track: int) -> list[str | None]:
    places = found.places[found.offsets[track] : found.offsets[track + 1]]
    return sorted(world.catalogue.tracks.names(world.rows[places]))


def test_tracks_of_all_artists_speak_and_none_speaks_for_itself() -> None:
    world = known(
        {"track_id": "x_duo", "artist_ids": ["a05", "a06"]}, {"track_id": "x_nobody", "artist_ids": ["?"]}
    )
    found = artist_pairs(world, rows_of(world, "x_duo", "x_nobody", "a05t0"))
    of_5, of_6 = ([f"a0{artist}t{track}" for track in range(10)] for artist in (5, 6))
    assert names(world, found, 0) == [*of_5, *of_6]
    assert names(world, found, 1) == []
    assert names(world, found, 2) == of_5[1:]


def test_only_the_most_played_tracks_of_an_artist_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "TRACKS_PER_ARTIST", 2)
    world = known({"track_id": "x_new", "artist_ids": ["a00"]})
    world.listens[[3, 7]] = 50
    assert names(world, artist_pairs(world, rows_of(world, "x_new")), 0) == ["a00t3", "a00t7"]


def test_neighbours_are_the_most_alike_of_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "NEIGHBOURS", 99)
    world = known({"track_id": "x_jazz", "genres": ["jazz"]}, {"track_id": "x_blank"})
    found = neighbour_pairs(world, rows_of(world, "x_jazz", "x_blank"))
    told = names(world, found, 0)
    assert len(told) == 99
    assert {int(str(name)[1:3]) % 4 for name in told} == {1}
    own = names(world, neighbour_pairs(world, rows_of(world, "a01t0")), 0)
    assert not any(str(name).startswith("a01") for name in own)
    assert names(world, found, 1) == []
    monkeypatch.setattr(pairs, "POOL", 40)
    fewer = names(world, neighbour_pairs(world, rows_of(world, "x_jazz")), 0)
    assert 0 < len(fewer) < 40
    assert set(fewer) < {f"a{artist:02}t{track}" for artist in range(1, 40, 4) for track in range(10)}


def test_signals_tell_dates_listens_album_and_artist() -> None:
    world = known(
        {
            "track_id": "x_new",
            "artist_ids": ["guest", "a00"],
            "album_id": "debut",
            "release_date": date(2020, 1, 1),
        }
    )
    (found,) = artist_pairs(world, rows_of(world, "x_new")).signals[:1]
    # No known track has a date or an album, and the primary artist is the guest.
    np.testing.assert_allclose(found[1:], [0, np.log1p(5), 0, 0], atol=1e-6)
