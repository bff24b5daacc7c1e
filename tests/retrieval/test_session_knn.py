"""Session-kNN on sessions whose cosines can be counted."""

import numpy as np
import pytest

from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.retrieval import session_knn as module
from crossfade.retrieval.session_knn import SessionKnn
from tests import builders

MINUTE = 1 / 1440
DAY = SECONDS_PER_DAY
# Sessions: a b (ann, day 1), a c d (ben, day 2), e (cyd).
WORLD = builders.dataset(
    [
        ("ann", "a", 1.0),
        ("ann", "b", 1.0 + MINUTE),
        ("ben", "a", 2.0),
        ("ben", "c", 2.0 + MINUTE),
        ("ben", "d", 2.0 + 2 * MINUTE),
        ("cyd", "e", 3.0),
    ]
)


def answer(*plays: tuple[str, float]) -> dict[str, float]:
    asked = builders.dataset([("eve", *play) for play in plays], WORLD.catalogue)  # type: ignore[list-item]
    queries = asked.queries(np.array([0], np.int32), 9 * DAY)
    rows, scores = SessionKnn().fit(WORLD).recommend(queries, 5)
    found = rows[0] >= 0
    names = WORLD.catalogue.tracks.names(rows[0][found])
    return {str(name): round(float(score), 5) for name, score in zip(names, scores[0][found], strict=True)}


def test_alike_sessions_vote_by_their_cosine() -> None:
    ann, ben = 2**-0.5, 3**-0.5
    assert answer(("a", 5.0)) == {
        "a": round(ann + ben, 5),
        "b": round(ann, 5),
        "c": round(ben, 5),
        "d": round(ben, 5),
    }


def test_a_track_before_the_last_weighs_a_quarter() -> None:
    found = answer(("b", 5.0), ("d", 5.0 + MINUTE))
    assert found["b"] == round(0.25 * 2**-0.5, 5)
    assert found["c"] == round(3**-0.5, 5)


def test_only_the_newest_sessions_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECENT", 1)
    assert set(answer(("a", 5.0))) == {"a", "c", "d"}


def test_only_the_newest_sessions_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SESSIONS", 2)
    kept = SessionKnn().fit(WORLD).sessions_
    assert kept.toarray().tolist() == [[1, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
