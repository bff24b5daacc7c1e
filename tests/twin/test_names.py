"""Names are readable, fit the sound and hardly repeat."""

import re

import numpy as np
import pyarrow as pa

from crossfade.twin import words
from crossfade.twin.names import TONES, artist_names, playlist_titles, track_titles


def test_artists_are_named_apart_as_long_as_the_words_last() -> None:
    names = artist_names(2_000, np.random.default_rng(1)).to_pylist()
    assert len(set(names)) == 2_000
    assert all(re.fullmatch(r"[A-Z][\w&' -]+", name) for name in names)


def test_names_repeat_only_when_the_words_run_out() -> None:
    names = artist_names(120_000, np.random.default_rng(1)).to_pylist()
    assert len(names) == 120_000
    assert 15_000 < len(set(names)) < 60_000


def test_titles_take_their_words_from_the_tone_of_the_track() -> None:
    tones = np.arange(4_000, dtype=np.int32) % len(TONES)
    titles = np.array(track_titles(tones, np.random.default_rng(1)).to_pylist())
    assert len(set(titles.tolist())) > 3_900
    calm, dark = titles[tones == TONES.index("calm")], titles[tones == TONES.index("dark")]
    calm_only = set(words.CALM_NOUNS) - set(words.DARK_NOUNS) - set(words.NOUNS) - set(words.DARK_ADJECTIVES)
    assert sum(bool(calm_only & set(title.split())) for title in calm) > 0.5 * len(calm)
    assert not any(calm_only & set(title.split()) for title in dark)


def test_playlists_are_titled_by_their_subject() -> None:
    titles = playlist_titles(pa.array(["Dream pop", "Chill"] * 50), np.random.default_rng(1)).to_pylist()
    assert all(("Dream pop", "Chill")[place % 2] in title for place, title in enumerate(titles))
    assert len(set(titles)) > 10
