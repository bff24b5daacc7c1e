"""What is known of a listener moves their vector; what is not known leaves it as it is."""

from dataclasses import replace

import numpy as np

from crossfade.features.traits import unknown
from crossfade.retrieval.user_tower import UserInputs, user_vectors
from tests import builders

DIM, LENGTH = 3, 2
DATA = builders.dataset([("ann", "a", 1.0), ("ben", "b", 1.0)])
TRACKS = np.eye(2, DIM, dtype=np.float32)
WEIGHTS = {
    "attention": np.zeros((DIM, 4)),
    "decays": np.zeros(4),
    "repeats": np.zeros(4),
    "places": np.zeros((LENGTH, 4)),
    "mixing": np.tile(np.eye(DIM), (4, 1)) / 4,
    "countries": np.zeros((1, DIM)),
    "traits": np.arange(12, dtype=np.float32).reshape(4, DIM),
    "users": np.array([[0, 0, 1], [0, 0, 2]], np.float32),
}


def vector(*, user: int, traits: list[int] | None = None, buckets: list[int] | None = None) -> list[float]:
    queries = DATA.queries(np.array([user], np.int32), 10**7)
    if traits is not None:
        queries = replace(queries, traits=np.array([traits], np.int8))
    inputs = UserInputs.of(queries, LENGTH, np.array(buckets or [], np.int32), has_time=True)
    found: list[float] = user_vectors(WEIGHTS, TRACKS, inputs)[0].round(5).tolist()
    return found


def unit(*values: float) -> list[float]:
    found: list[float] = (np.array(values) / np.linalg.norm(values)).astype(np.float32).round(5).tolist()
    return found


def test_traits_and_ids_add_their_vectors_to_the_history() -> None:
    # The history of ann is track a alone, (1, 0, 0); traits 1 and 3 are (3, 4, 5) and (9, 10, 11).
    assert vector(user=0) == unit(1, 0, 0)
    assert vector(user=0, traits=[1, -1, -1, -1, 3, -1]) == unit(1 + 3 + 9, 4 + 10, 5 + 11)
    assert vector(user=0, buckets=[1, 0]) == unit(1, 0, 2)
    assert vector(user=1, buckets=[1, 0]) == unit(0, 1, 1)


def test_what_is_unknown_adds_nothing() -> None:
    assert vector(user=0, traits=unknown(1)[0].tolist()) == unit(1, 0, 0)
    assert vector(user=0, buckets=[]) == unit(1, 0, 0)
    assert vector(user=-1, buckets=[1, 0]) == [0, 0, 0]
