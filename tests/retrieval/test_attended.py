"""Attention pools what is left of a history: shares of what is gone are left out, all others keep their logits."""

import numpy as np

from crossfade.retrieval.attended import Attended
from crossfade.retrieval.user_tower import UserInputs, user_vectors
from tests.retrieval.forgetting import case, nothing, world

DIM, LENGTH, HEADS = 16, 7, 4
DATA = world()
CASE = case(DATA)


def weights_of(random: np.random.Generator) -> dict[str, np.ndarray]:
    shapes = {
        "attention": (DIM, HEADS),
        "decays": (HEADS,),
        "repeats": (HEADS,),
        "places": (LENGTH, HEADS),
        "mixing": (HEADS * DIM, DIM),
        "countries": (1 + len(DATA.users.countries), DIM),
        "traits": (4, DIM),
        "users": (3, DIM),
    }
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def test_vectors_are_those_of_histories_in_which_some_tracks_say_nothing() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((len(DATA.catalogue), DIM)).astype(np.float32)
    weights = weights_of(random)
    inputs = UserInputs.of(CASE.queries, LENGTH, np.zeros(0, np.int32), has_time=True)
    attended = Attended.of(weights, vectors, inputs, CASE.heard, CASE.rows)
    histories = inputs.histories
    expected = np.zeros((len(CASE.gone.owners), DIM))
    for claim, owner in enumerate(CASE.gone.owners):
        lost = CASE.heard.tracks[CASE.gone.places[CASE.gone.offsets[claim] : CASE.gone.offsets[claim + 1]]]
        pooled = np.zeros((HEADS, DIM))
        entries = [
            (place, track)
            for place, track in enumerate(histories.rows[owner])
            if track >= 0 and track not in lost
        ]
        for head in range(HEADS if entries else 0):
            logits = np.array(
                [
                    vectors[track].astype(np.float64) @ weights["attention"][:, head]
                    + weights["places"][place, head]
                    - weights["decays"][head] * np.log1p(histories.ages[owner, place])
                    + weights["repeats"][head] * np.log(histories.plays[owner, place])
                    for place, track in entries
                ]
            )
            shares = np.exp(logits - logits.max())
            pooled[head] = shares @ vectors[[track for _, track in entries]] / shares.sum()
        country = weights["countries"][CASE.gone.country_rows[claim] + 1]
        expected[claim] = pooled.ravel() @ weights["mixing"] + country
    np.testing.assert_allclose(attended.vectors_without(CASE.gone), expected, rtol=2e-3, atol=2e-3)
    unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    products = np.take_along_axis(unit @ vectors.T, np.maximum(CASE.wanted, 0), axis=1)
    products[CASE.wanted < 0] = np.nan
    np.testing.assert_allclose(attended.without(CASE.gone, CASE.places), products, rtol=2e-3, atol=2e-3)


def test_the_whole_is_what_the_tower_says() -> None:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((len(DATA.catalogue), DIM)).astype(np.float32)
    weights = weights_of(random)
    inputs = UserInputs.of(CASE.queries, LENGTH, np.zeros(0, np.int32), has_time=True)
    attended = Attended.of(weights, vectors, inputs, CASE.heard, CASE.rows)
    places = np.zeros((len(CASE.queries), 1), np.int32)
    said = np.einsum("nd,nd->n", user_vectors(weights, vectors, inputs), vectors[CASE.rows[:, 0]])
    np.testing.assert_allclose(
        attended.without(nothing(CASE.queries), places)[:, 0], said, rtol=1e-4, atol=1e-5
    )


def test_the_tower_reads_the_first_of_the_heard_tracks() -> None:
    histories = UserInputs.of(CASE.queries, LENGTH, np.zeros(0, np.int32), has_time=True).histories
    for query, rows in enumerate(histories.rows):
        known = rows[rows >= 0]
        first = CASE.heard.owned[query]
        np.testing.assert_array_equal(CASE.heard.tracks[first : first + len(known)], known)
