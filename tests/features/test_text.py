"""Words of titles, tags and playlist names become stable hashes, the most telling first."""

from hashlib import blake2b

import numpy as np
import pyarrow as pa

from crossfade.features.playlists import Playlists
from crossfade.features.text import TOKENS_PER_TRACK, track_tokens
from crossfade.schema import columns as c
from tests.builders import catalogue

Named = list[tuple[str | None, list[int]]]


def playlists(named: Named) -> Playlists:
    sizes = [len(rows) for _, rows in named]
    return Playlists(
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.array([row for _, rows in named for row in rows], np.int32),
        np.zeros(len(named), np.int64),
        pa.array([title for title, _ in named], pa.string()),
    )


def token(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=4).digest(), "little") & 0x7FFFFFFF


def tokens(tracks: list[dict[str, object]], named: Named) -> list[list[int]]:
    rows = track_tokens(
        catalogue([{c.TRACK_ID: f"t{i}"} | track for i, track in enumerate(tracks)]), playlists(named)
    )
    assert rows.shape == (len(tracks), TOKENS_PER_TRACK)
    assert rows.dtype == np.int32
    return [[value for value in row if value >= 0] for row in rows.tolist()]


def test_words_come_from_titles_tags_and_playlists_whatever_their_case_and_marks() -> None:
    tracks: list[dict[str, object]] = [
        {c.TITLE: "  BLUE (Skies)!"},
        {c.GENRES: ["deep-blue", "été"]},
        {c.TITLE: "e\u0301te\u0301 skies"},  # accents as characters of their own
        {},
    ]
    found = tokens(tracks, [("Summer, été", [2, 3]), (None, [0]), ("", [1])])
    assert set(found[0]) == {token("blue"), token("skies")}
    assert set(found[1]) == {token("blue"), token("été")}
    assert set(found[2]) == {token("skies"), token("summer"), token("été")}
    assert set(found[3]) == {token("summer"), token("été")}


def test_a_word_of_a_single_track_is_left_out() -> None:
    found = tokens([{c.TITLE: "unheard rain rain"}, {c.TITLE: "rain"}, {}], [("unique", [2, 2])])
    assert found == [[token("rain")], [token("rain")], []]


def test_rare_and_repeated_words_come_first() -> None:
    tracks: list[dict[str, object]] = [{c.TITLE: "the fjord"}, {c.TITLE: "the fjord"}, {c.TITLE: "the"}, {}]
    # 'the' is said of 3 of 4 tracks: log 2 x log(4/3) = 0.20; 'fjord' of 2: log 2 x log 2 = 0.48.
    assert tokens(tracks, [])[0] == [token("fjord"), token("the")]
    # 'moss' of 2, by two playlists: log 3 x log 2 = 0.76. A playlist that holds a track twice says its words once.
    found = tokens(tracks, [("moss", [0, 0, 1]), ("moss", [0]), ("dew", [1, 1, 3])])
    assert found[0] == [token("moss"), token("fjord"), token("the")]
    assert found[1][:3] == [token(word) for word in ("dew", "fjord", "moss")]


def test_only_the_most_telling_words_are_kept() -> None:
    words = [f"w{i:02}" for i in range(TOKENS_PER_TRACK + 5)]
    assert tokens([{c.TITLE: " ".join(words)}] * 2 + [{}], [])[0] == [token(word) for word in words[:16]]


def test_without_any_text_there_are_no_words() -> None:
    assert tokens([{}, {}], []) == [[], []]
    assert tokens([], []) == []


def test_the_hash_of_a_word_stays_what_it_was() -> None:
    assert tokens([{c.TITLE: "rock"}] * 2 + [{}], [])[0] == [token("rock")] == [1298657134]
