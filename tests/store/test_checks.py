import pyarrow as pa
import pytest

from crossfade.recommender.policy import Policy
from crossfade.recommender.surfaces import default_policies
from crossfade.schema.tables import Surface
from crossfade.store.checks import SlateChecks
from crossfade.store.contract import SLATES
from tests.builders import catalogue

# Four tracks of artist a on albums x, x, x, y; one of artist b; one of nobody on no album.
TRACKS = catalogue(
    [
        *(
            {"track_id": f"a{place}", "artist_ids": ["a"], "album_id": album}
            for place, album in enumerate("xxxy")
        ),
        {"track_id": "b0", "artist_ids": ["b"], "album_id": "z"},
        *({"track_id": f"n{place}"} for place in range(5)),
    ]
)


def policy(max_per_artist: int, max_per_album: int) -> Policy:
    caps = {"max_per_artist": max_per_artist, "max_per_album": max_per_album}
    return default_policies()[Surface.DISCOVER_WEEKLY].model_copy(update=caps)


def slates(*tracks: list[str], scores: list[list[float]] | None = None, propensity: float = 1.0) -> pa.Table:
    return pa.table(
        [
            [f"u{place}" for place in range(len(tracks))],
            list(tracks),
            scores or [[1.0] * len(each) for each in tracks],
            [[propensity] * len(each) for each in tracks],
            [["popular"] * len(each) for each in tracks],
            [["none"] * len(each) for each in tracks],
            [[""] * len(each) for each in tracks],
            [None] * len(tracks),
        ],
        schema=SLATES,
    )


def fault(table: pa.Table, *, length: int = 5, max_per_artist: int = 3, max_per_album: int = 3) -> str | None:
    return SlateChecks(TRACKS, policy(max_per_artist, max_per_album), length).fault(table)


def test_good_slates_have_no_fault() -> None:
    assert fault(slates(["a0", "a1", "a2", "b0"], [], ["a3"], ["n0", "n1", "n2", "n3", "n4"])) is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (slates(["b0"], ["a0", "a1", "n0", "n1", "n2", "n3"]), "user u1 holds more than 5 tracks"),
        (slates(["b0"], [], ["a0", "zz"]), "user u2 holds a track that the bundle does not know"),
        (slates(["b0", "a0"], ["a1", "b0", "a1"]), "user u1 holds a track twice"),
        (slates(["a0", "a1", "a2", "a3"]), "user u0 holds more than 3 tracks of an artist"),
        (slates(["a0"], ["a0"], scores=[[1.0], [float("inf")]]), "user u1 has a score that is not finite"),
        (slates(["a0"], propensity=1.5), "user u0 has a propensity outside 0..1"),
        (slates(["a0"], propensity=0.0), "user u0 has a propensity outside 0..1"),
    ],
)
def test_faults_name_the_user(table: pa.Table, message: str) -> None:
    assert fault(table) == f"the slate of {message}"


def test_album_cap() -> None:
    assert fault(slates(["a0", "a1"], ["a0", "a1", "a2"]), max_per_album=2) == (
        "the slate of user u1 holds more than 2 tracks of an album"
    )


def test_no_caps() -> None:
    assert fault(slates(["a0", "a1", "a2", "a3"]), max_per_artist=0, max_per_album=0) is None
