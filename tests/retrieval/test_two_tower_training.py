from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.retrieval.optimizer import RowwiseAdam
from crossfade.retrieval.tensorflow_setup import tf
from crossfade.retrieval.towers import TrackTower, UserTower
from crossfade.retrieval.two_tower_batches import batches
from crossfade.retrieval.two_tower_examples import Examples, HardNegatives
from crossfade.retrieval.two_tower_inputs import TrackInputs, user_buckets
from crossfade.retrieval.two_tower_model import TwoTowerModel
from crossfade.schema import columns as c
from crossfade.schema.model_settings import TwoTowerSettings
from crossfade.schema.settings import default_settings
from tests.builders import catalogue, dataset

LENGTH = 3
MODELS = default_settings().input_models


def settings(**changes: Any) -> TwoTowerSettings:
    small = {"dim": 4, "history_length": LENGTH, "batch_size": 4, "hard_negatives": 2, "id_dropout": 0.0}
    return default_settings().two_tower.model_copy(update=small | changes)


def plays() -> Dataset:
    """Three users; u skips d and e early."""
    heard = [
        ("u", "a", 1.0),
        ("u", "b", 2.0),
        ("u", "c", 3.0),
        ("v", "a", 1.0),
        ("v", "c", 2.0),
        ("w", "b", 4.0),
    ]
    return dataset([*heard, ("u", "d", 2.5, -1.0), ("u", "e", 2.6, -0.5)])


def all_batches(data: Dataset, *, seed: int = 1, **changes: Any) -> list[dict[str, Any]]:
    examples = Examples.of(data)
    places = np.arange(len(examples))
    changed = settings(**changes)
    buckets = user_buckets(data.users, changed)
    pipeline = batches(examples, places, HardNegatives.of(data), changed, user_buckets=buckets, seed=seed)
    return [{name: values.numpy() for name, values in batch.items()} for batch in pipeline]


def test_a_batch_holds_targets_with_their_padded_histories() -> None:
    data = plays()
    batch = all_batches(data, batch_size=6)[0]
    a, b, c = data.catalogue.tracks.rows(["a", "b", "c"])
    histories = {
        (user, target): (history.tolist(), ages.round(3).tolist())
        for user, target, history, ages in zip(
            *(batch[n] for n in ("user", "target", "history", "ages")), strict=True
        )
    }
    assert histories == {
        (0, a): ([-1, -1, -1], [0, 0, 0]),
        (0, b): ([a, -1, -1], [1, 0, 0]),
        (0, c): ([b, a, -1], [1, 2, 0]),
        (1, a): ([-1, -1, -1], [0, 0, 0]),
        (1, c): ([a, -1, -1], [1, 0, 0]),
        (2, b): ([-1, -1, -1], [0, 0, 0]),
    }
    assert batch["country"].tolist() == [-1] * 6


def test_hard_negatives_are_the_users_own_where_there_are_any() -> None:
    data = plays()
    skipped = set(data.catalogue.tracks.rows(["d", "e"]))
    negatives = np.concatenate([batch["negatives"] for batch in all_batches(data, batch_size=2)])
    assert len(negatives) == 6
    assert set(negatives) <= skipped
    one_skip = dataset([("u", "a", 1.0), ("u", "b", 2.0, -1.0), ("v", "b", 1.0), ("v", "c", 2.0, -1.0)])
    own = {0: one_skip.catalogue.tracks.rows(["b"])[0], 1: one_skip.catalogue.tracks.rows(["c"])[0]}
    batch = all_batches(one_skip)[0]
    assert batch["negatives"].tolist() == [own[user] for user in batch["user"]]
    assert all(len(batch["negatives"]) == 0 for batch in all_batches(data, hard_negatives=0))
    assert len(all_batches(dataset([("u", "a", 1.0)]))[0]["negatives"]) == 0


def test_order_follows_the_seed_and_every_example_comes_once() -> None:
    data = dataset([(f"u{i:02}", "a", 1.0) for i in range(40)])
    users = [np.concatenate([batch["user"] for batch in all_batches(data, seed=seed)]) for seed in (1, 1, 2)]
    assert all(sorted(order) == list(range(40)) for order in users)
    np.testing.assert_array_equal(users[0], users[1])
    assert users[0].tolist() != users[2].tolist()


def test_the_loss_is_the_corrected_softmax_without_accidental_hits() -> None:
    data = plays()
    random = np.random.default_rng(0)
    probabilities = random.uniform(0.1, 1, len(data.catalogue)).astype(np.float32)
    features = random.normal(size=(len(data.catalogue), 2)).astype(np.float32)
    trained = np.ones(len(data.catalogue), np.bool_)
    inputs = replace(TrackInputs.of(data, settings(), trained, models=MODELS, seed=1), features=features)
    tracks = TrackTower(inputs, settings=settings(), seed=1)
    users = UserTower(settings=settings(), num_countries=2, num_traits=3, seed=1)
    model = TwoTowerModel(tracks, users, temperature=0.5, probabilities=probabilities)
    batch = {
        "user": np.array([0, 1, 1, 2], np.int32),
        "target": np.array([0, 1, 2, 0], np.int32),
        "history": np.array([[1, 2, -1], [-1, -1, -1], [0, -1, -1], [2, 1, 0]], np.int32),
        "ages": np.array([[1, 5, 0], [0, 0, 0], [2, 0, 0], [0, 1, 9]], np.float32),
        "plays": np.array([[1, 3, 0], [0, 0, 0], [1, 0, 0], [2, 1, 1]], np.float32),
        "country": np.array([0, -1, 1, 0], np.int32),
        "traits": np.array([[0, -1], [-1, -1], [2, 1], [1, 1]], np.int32),
        "user_bucket": np.array([-1, 0, 0, -1], np.int32),
        "weight": np.array([1, 0.2, 5, 1], np.float32),
        "negatives": np.array([3, 2], np.int32),
    }
    user_vectors, vectors, candidates = (values.numpy() for values in model.vectors(batch, training=False))
    np.testing.assert_array_equal(candidates, [0, 1, 2, 0, 3, 2])
    # logit = u.t / temperature - log q; left out: other candidates equal to the target, other targets of the same user.
    logits = user_vectors @ vectors.T / 0.5 - np.log(probabilities[candidates])
    place = np.arange(4)[:, None] == np.arange(6)[None, :]
    hit = (batch["target"][:, None] == candidates[None, :]) & ~place
    same_user = np.zeros((4, 6), np.bool_)
    same_user[:, :4] = batch["user"][:, None] == batch["user"][None, :]
    logits[hit | (same_user & ~place)] = -np.inf
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[place]
    expected = (losses * batch["weight"]).sum() / batch["weight"].sum()
    assert float(model.compute_loss(batch)) == pytest.approx(expected, rel=1e-5)


def test_rowwise_adam_moves_only_the_rows_of_the_gradient() -> None:
    table, bias = tf.Variable(np.ones((4, 2), np.float32)), tf.Variable(np.ones(2, np.float32))
    optimizer = RowwiseAdam(0.1, [table, bias])
    expected = np.ones((4, 2))
    first, second = np.zeros((4, 2)), np.zeros((4, 2))
    # Rows of each step, one of them twice; Adam of Kingma and Ba on these rows alone, all steps counted.
    for step, rows in enumerate([[0, 2], [2, 2], [0, 1]], start=1):
        slopes = np.arange(1, 5).reshape(2, 2) * step / 10
        optimizer.apply_gradients(
            [
                (
                    tf.IndexedSlices(tf.constant(slopes, tf.float32), tf.constant(rows), tf.constant([4, 2])),
                    table,
                ),
                (tf.constant([0.5, -0.5]), bias),
            ]
        )
        for row in set(rows):
            slope = slopes[np.array(rows) == row].sum(axis=0)
            first[row] = 0.9 * first[row] + 0.1 * slope
            second[row] = 0.999 * second[row] + 0.001 * slope**2
            mean, square = first[row] / (1 - 0.9**step), second[row] / (1 - 0.999**step)
            expected[row] -= 0.1 * mean / (np.sqrt(square) + 1e-7)
        np.testing.assert_allclose(table.numpy(), expected, atol=1e-4)
    assert table.numpy()[3].tolist() == [1, 1]
    np.testing.assert_allclose(
        bias.numpy(), [0.7, 1.3], atol=1e-4
    )  # a constant slope moves by the rate each step


def test_a_hidden_id_leaves_the_content() -> None:
    data = plays()
    trained, vectors = np.ones(len(data.catalogue), np.bool_), np.ones((len(data.catalogue), 2), np.float32)
    inputs = replace(TrackInputs.of(data, settings(), trained, models=MODELS, seed=1), vectors=vectors)
    tower = TrackTower(inputs, settings=settings(id_dropout=1.0), seed=1)
    rows = tf.range(3)
    content = tower.content(rows).numpy()
    np.testing.assert_allclose(
        tower(rows, training=True).numpy(),
        content / np.linalg.norm(content, axis=1, keepdims=True),
        atol=1e-6,
    )
    assert np.abs(tower(rows).numpy() - tower(rows, training=True).numpy()).max() > 0.1


def test_a_track_is_the_mean_of_its_artists_and_words() -> None:
    tracks = catalogue(
        [
            {c.TRACK_ID: "a", c.ARTIST_IDS: ["x", "y"], c.TITLE: "one two"},
            {c.TRACK_ID: "b", c.ARTIST_IDS: ["y"], c.TITLE: "one two"},
            {c.TRACK_ID: "c"},
        ]
    )
    inputs = TrackInputs.of(
        dataset([("u", "a", 1.0)], tracks), settings(), np.ones(3, np.bool_), models=MODELS, seed=1
    )
    tower = TrackTower(inputs, settings=settings(), seed=1)
    words = np.random.default_rng(0).normal(size=tower.words.shape).astype(np.float32)
    tower.words.assign(words)
    x, y = tower.artists.numpy()
    said = words[inputs.word_rows[0][:2]].mean(axis=0)
    np.testing.assert_allclose(
        tower.content(tf.range(3)).numpy(), [(x + y) / 2 + said, y + said, np.zeros(4)], atol=1e-6
    )


def test_context_and_ids_are_hidden_while_training_and_the_age_is_not() -> None:
    hiding = settings(context_dropout=1.0, id_dropout=1.0, user_ids=True, user_buckets=2)
    tower = UserTower(settings=hiding, num_countries=1, num_traits=3, seed=1)
    tower.traits.assign(np.eye(3, 4))
    tower.users.assign(np.full((2, 4), 7.0))
    traits, users = tf.constant([[0, 1, 2]]), tf.constant([1])
    assert tower._own(traits, users, training=True).numpy().tolist() == [[1, 0, 0, 0]]
    assert tower._own(traits, users, training=False).numpy().tolist() == [[8, 8, 8, 7]]


def test_an_equal_seed_starts_equally(tmp_path: Path) -> None:
    inputs = TrackInputs.of(plays(), settings(), np.ones(5, np.bool_), models=MODELS, seed=1)
    starts = [TrackTower(inputs, settings=settings(), seed=s) for s in (1, 1, 2)]
    np.testing.assert_array_equal(starts[0].residuals.numpy(), starts[1].residuals.numpy())
    assert np.abs(starts[0].residuals.numpy() - starts[2].residuals.numpy()).max() > 0.01
