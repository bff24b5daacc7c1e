"""Reasons in words: names where they are known, ids where not, nothing where there is no reason."""

import numpy as np

from crossfade.recommender.wording import ReasonKind, Wording
from crossfade.schema import columns as c
from crossfade.schema.ids import IdMap
from tests.builders import catalogue

TRACKS = catalogue(
    [
        {c.TRACK_ID: "a1", c.TITLE: "Alpha", c.ARTIST_IDS: ["A"], c.ARTIST_NAME: "Ann"},
        {c.TRACK_ID: "b1", c.ARTIST_IDS: ["B"]},
        {c.TRACK_ID: "c1", c.TITLE: "Gamma"},
    ]
)
WORDING = Wording(TRACKS, IdMap.of(["SE"]))


def texts(*reasons: tuple[ReasonKind, int]) -> list[str]:
    kinds, rows = (
        np.array([reason[0] for reason in reasons], np.int8),
        np.array([row for _, row in reasons], np.int32),
    )
    return WORDING.texts(kinds, rows).to_pylist()  # type: ignore[no-any-return]


def test_each_kind_has_its_sentence() -> None:
    kind = ReasonKind
    reasons = [(kind.LISTENED_TRACK, 0), (kind.NONE, -1), (kind.ARTIST, 0), (kind.SIMILAR_LISTENERS, -1)]
    reasons += [(kind.POPULAR, 0), (kind.POPULAR, -1), (kind.NEW_RELEASE, 1)]
    assert texts(*reasons) == [
        "Because you played Alpha by Ann",
        "",
        "You listen to Ann",
        "Listeners with your taste play it",
        "Popular in SE",
        "Popular now",
        "New from an artist you listen to: B",
    ]


def test_ids_stand_in_for_missing_names() -> None:
    assert texts((ReasonKind.LISTENED_TRACK, 1), (ReasonKind.LISTENED_TRACK, 2)) == [
        "Because you played b1 by B",
        "Because you played Gamma",
    ]


def test_nothing_to_say() -> None:
    assert texts() == []


def test_a_slates_names_are_those_of_long_columns() -> None:
    rows = np.array([1, 0, 2, 0], np.int32)
    assert WORDING.ids_at(rows) == ["b1", "a1", "c1", "a1"]
    assert WORDING.titles_at(rows) == [None, "Alpha", "Gamma", "Alpha"]
    for artists in ([1, 0, -1, 0], [0, 0], [-1], []):
        of_tracks = np.array(artists, np.int32)
        assert WORDING.artists_at(of_tracks) == WORDING.artist_names(of_tracks).to_pylist()


def test_a_catalogue_without_artists_has_no_names_to_give() -> None:
    wording = Wording(catalogue([{c.TRACK_ID: "t1"}]), IdMap.of([]))
    assert wording.artist_names(np.array([-1, -1], np.int32)).to_pylist() == [None, None]
    assert wording.artists_at(np.array([-1, -1], np.int32)) == [None, None]
