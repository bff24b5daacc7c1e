"""Every peer finds planted clusters; EASE, session-kNN and Markov give what their formulas say."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality.factor_peers import fit_bpr
from benchmarks.quality.linear_peers import fit_ease
from benchmarks.quality.peers import PEERS
from benchmarks.quality.session_peers import fit_markov, fit_session_knn, transitions
from benchmarks.quality.tuning import Parameters, Peer, by_time, fitted
from crossfade.evaluation.evaluate import evaluate
from crossfade.evaluation.trained import OF_OTHER_TASKS, OURS
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.retrieval.contract import RETRIEVERS, Ranking
from tests.benchmarks.clusters import USERS, clusters
from tests.evaluation import worlds

# So small a world needs less freedom than the defaults have.
SMALL = {
    "factors": 2,
    "regularization": 1.0,
    "weights": "binary",
}
MINUTE = 1 / 1440
KNN = {"neighbours": 10, "recent": 10, "decay": "none"}
MARKOV = {"window": 1, "decay": 0.5, "steps": 1, "discount": 0.0}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_find_planted_clusters_and_answer_everybody(peer: Peer) -> None:
    world = clusters()
    truth, settings = worlds.truth(world), worlds.settings()
    system = fitted(peer, _small(peer), world.until(worlds.START), by_time(world, settings), 1)
    rows, scores = system(truth.queries, 3)
    assert (rows >= 0).all()
    assert (np.diff(scores, axis=1) <= 0).all()
    known = np.diff(truth.queries.offsets) > 0
    # Two of its cluster's tracks are unheard, the third place is filled with what is popular.
    own = truth.queries.last_tracks(1)[known] % 2
    assert (rows[known, :2] % 2 == own).all()
    assert evaluate(peer.name, system, truth, settings).metrics["recall"][known].tolist() == [1.0] * USERS


def _small(peer: Peer) -> Parameters:
    chosen = {name: SMALL.get(name, values[0]) for name, values in peer.grid.items()}
    if peer.name == "implicit_bpr":
        chosen |= {"learning_rate": 0.1, "regularization": 0.1}
    if peer.name == "markov":
        chosen |= {"steps": 5}  # within a session of four, more follows than the next
    return chosen


def _sessions(*played: str) -> Dataset:
    """Session i, by its own user on day i, plays a track each minute."""
    plays = [
        (f"u{day}", track, day + place * MINUTE)
        for day, tracks in enumerate(played)
        for place, track in enumerate(tracks)
    ]
    return worlds.dataset(plays, [{"track_id": name} for name in "abcdef"])


def _asked(played: str, earlier: str = "") -> Queries:
    """Return one query, whose last session is these tracks, a minute apart."""
    plays = [("me", track, 1 + place * MINUTE) for place, track in enumerate(earlier)]
    plays += [("me", track, 2 + place * MINUTE) for place, track in enumerate(played)]
    session = worlds.dataset(plays, [{"track_id": name} for name in "abcdef"])
    return session.queries(np.zeros(1, np.int32), worlds.START)


def _answer(ranking: Ranking) -> dict[str, float]:
    """Return track -> score in the order of the ranking."""
    rows, scores = ranking
    return {"abcdef"[row]: float(score) for row, score in zip(rows[0], scores[0], strict=True) if row >= 0}


def test_ease_neither_reads_nor_names_the_tail() -> None:
    world = _sessions("ab", "ab", "abc", "cd", "c", "e")
    system = fit_ease(world, {"head": 3, "regularization": 1.0, "weights": "binary"}, 1)
    assert next(iter(_answer(system(_asked("ae"), 6)))) == "b"
    assert set(_answer(system(_asked("ae"), 6))) == {"a", "b", "c"}
    assert _answer(system(_asked("ef"), 6)) == {}


def test_bpr_says_nothing_to_users_whom_it_does_not_know() -> None:
    world = _sessions("ab", "ab", "cd")
    parameters = {"factors": 2, "weights": "binary", "iterations": 5}
    asked = _asked("ab")
    stranger = replace(asked, user_rows=np.array([-1], np.int32))
    assert len(_answer(fit_bpr(world, parameters, 1)(asked, 6))) == 6
    assert _answer(fit_bpr(world, parameters, 1)(stranger, 6)) == {}


def test_session_knn_votes_by_cosine() -> None:
    world = _sessions("abc", "bd", "aef")
    # ab shares 2 of 3 with abc, 1 of 2 with bd and 1 of 3 with aef.
    abc, bd, aef = 2 / 3**0.5, 1 / 2**0.5, 1 / 3**0.5
    votes = {"b": abc + bd, "a": abc + aef, "c": abc, "d": bd, "e": aef, "f": aef}
    found = _answer(fit_session_knn(world, KNN, 1)(_asked("ab", earlier="f"), 6))
    assert list(found) == list(votes)
    assert found == pytest.approx(votes)


def test_session_knn_takes_the_nearest_of_the_newest_with_decay() -> None:
    world = _sessions("abc", "bd", "aef")
    nearest = fit_session_knn(world, {**KNN, "neighbours": 1}, 1)
    assert set(_answer(nearest(_asked("ab"), 6))) == {"a", "b", "c"}
    newest = fit_session_knn(world, {**KNN, "recent": 1}, 1)
    assert set(_answer(newest(_asked("ab"), 6))) == {"a", "e", "f"}
    faded = _answer(fit_session_knn(world, {**KNN, "decay": "linear"}, 1)(_asked("ab"), 6))
    assert faded["d"] == pytest.approx(1 / 2**0.5)
    assert faded["e"] == pytest.approx(0.9 / 3**0.5)  # a is one track old


def test_markov_counts_what_followed_in_a_session() -> None:
    acts = _sessions("abac", "ab").interactions
    one, two = transitions(acts, 3, 1).toarray(), transitions(acts, 3, 2).toarray()
    assert one.tolist() == [[0, 2, 1], [1, 0, 0], [0, 0, 0]]
    # Two places later counts half: a to a, b to c.
    assert two.tolist() == [[0.5, 2, 1], [1, 0, 0.5], [0, 0, 0]]


def test_markov_answers_by_shares_with_decay_within_the_session() -> None:
    world = _sessions("abac", "ab")
    last = fit_markov(world, MARKOV, 1)
    assert _answer(last(_asked("ba"), 6)) == pytest.approx({"b": 2 / 3, "c": 1 / 3})
    both = fit_markov(world, {**MARKOV, "window": 2}, 1)
    assert _answer(both(_asked("ba"), 6)) == pytest.approx({"b": 2 / 3, "a": 1 / 2, "c": 1 / 3})
    assert _answer(both(_asked("a", earlier="b"), 6)) == pytest.approx({"b": 2 / 3, "c": 1 / 3})
    careful = fit_markov(world, {**MARKOV, "discount": 1.0}, 1)
    assert _answer(careful(_asked("ba"), 6)) == pytest.approx({"b": 2 / 4, "c": 1 / 4})


def test_no_peer_has_the_name_of_a_system_of_ours() -> None:
    ours = set(RETRIEVERS) - set(OF_OTHER_TASKS) | set(OURS)
    assert not {peer.name for peer in PEERS} & ours
