"""A planted catalogue whose vectors are known: a direction for each genre, plus one for each artist, plus noise."""

from typing import Final

import numpy as np

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Floats
from crossfade.features.playlists import Playlists
from crossfade.features.text import track_tokens
from crossfade.retrieval.content.attention import unit
from crossfade.retrieval.content.known import Known
from tests import builders

NUM_ARTISTS: Final = 40
TRACKS_PER_ARTIST: Final = 10
GENRES: Final = ("folk", "jazz", "punk", "rock")
DIM: Final = 4 + NUM_ARTISTS


def direction(artist: int, random: np.random.Generator | None = None, noise: float = 0.02) -> Floats:
    """Where an artist's tracks are: the genre (artist modulo 4) and, half as strong, its own."""
    vector = np.zeros(DIM)
    vector[artist % 4] = 1.0
    vector[4 + artist] = 0.5
    return vector + (0 if random is None else random.normal(0, noise, DIM))


def catalogue(*new: dict[str, object]) -> Catalogue:
    """40 artists of 10 tracks each, `a07t3` the fourth of artist 7, and further rows; audio is a noisy direction."""
    random = np.random.default_rng(1)
    rows = [
        {
            "track_id": f"a{artist:02}t{track}",
            "title": f"{GENRES[artist % 4]}song number{track}",
            "artist_ids": [f"a{artist:02}"],
            "genres": [GENRES[artist % 4]],
            "audio_vector": direction(artist, random, 0.4).tolist(),
        }
        for artist in range(NUM_ARTISTS)
        for track in range(TRACKS_PER_ARTIST)
    ]
    return builders.catalogue([*rows, *new])


def vectors(tracks: Catalogue) -> Floats:
    """The true vectors of planted tracks, of length 1; zeros for further rows."""
    random = np.random.default_rng(2)
    ids = tracks.tracks.ids.to_pylist()
    is_planted = [name[0] == "a" and name[3:4] == "t" for name in ids]
    return unit(
        np.array(
            [
                direction(int(name[1:3]), random) if planted else np.zeros(DIM)
                for name, planted in zip(ids, is_planted, strict=True)
            ]
        )
    )


def known(*new: dict[str, object]) -> Known:
    """All planted tracks as learnt ones, each with 5 listens, in a catalogue with further rows."""
    tracks = catalogue(*new)
    true = vectors(tracks)
    rows = np.flatnonzero(true.any(axis=1)).astype(np.int32)
    listens = np.full(len(rows), 5, np.float32)
    return Known(tracks, track_tokens(tracks, Playlists.none()), rows, true[rows], listens)


def rows_of(world: Known, *names: str) -> np.ndarray:
    """Rows of tracks by their ids."""
    return world.catalogue.tracks.rows(list(names))
