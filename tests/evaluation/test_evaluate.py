"""Systems are asked, masked and measured alike, and what was measured comes back from disk."""

import json

import numpy as np
import pytest

from crossfade.evaluation.baselines import artist_popularity, popularity
from crossfade.evaluation.evaluate import BATCH_USERS, evaluate, slates_of, unheard
from crossfade.evaluation.evaluation import EVERYONE, Evaluation
from crossfade.evaluation.exposure import catalogue_metrics, gini
from crossfade.evaluation.membership import locate, mask_heard, num_heard
from crossfade.features.interactions import Queries
from crossfade.schema.errors import IntegrityError
from tests.evaluation import worlds


def test_heard_tracks_are_masked_and_the_rest_moves_up_in_order() -> None:
    world = worlds.letters()
    queries = worlds.truth(world).queries
    rows = worlds.slates(world, ["a1", "c1", "b1", "a2"], ["c1", "-", "a1", "b2"], ["a1", "a2", "-", "-"])
    scores = np.array([[4, 3, 2, 1]] * 3, np.float32)
    kept, left = mask_heard(rows, scores, queries, 3)
    assert (
        kept.tolist()
        == worlds.slates(world, ["c1", "a2", "-"], ["c1", "b2", "-"], ["a1", "a2", "-"]).tolist()
    )
    assert left.tolist() == [[3, 1, -np.inf], [4, 1, -np.inf], [4, 3, -np.inf]]
    assert mask_heard(rows[:, :1], scores[:, :1], queries, 3)[0].shape == (3, 3)


def test_membership_agrees_with_a_plain_loop_and_keeps_unknown_members_apart() -> None:
    rng = np.random.default_rng(0)
    sets = [rng.integers(-1, 9, rng.integers(0, 6)).astype(np.int32) for _ in range(40)]
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sets])]).astype(np.int64)
    members = np.concatenate(sets)
    rows = rng.integers(-1, 9, (40, 7)).astype(np.int32)
    found = locate(offsets, members, rows)
    for i, own in enumerate(sets):
        for j, row in enumerate(rows[i]):
            assert (found[i, j] >= 0) == (row >= 0 and row in own)
            if found[i, j] >= 0:
                assert offsets[i] <= found[i, j] < offsets[i + 1]
                assert members[found[i, j]] == row


def test_a_system_that_does_not_filter_is_asked_for_enough_more() -> None:
    world = worlds.letters()
    truth = worlds.truth(world)
    asked = []

    def everything(queries: Queries, k: int):  # type: ignore[no-untyped-def]
        asked.append(k)
        rows = np.broadcast_to(np.arange(k, dtype=np.int32), (len(queries), k))
        return rows, np.zeros(rows.shape, np.float32)

    rows = slates_of(unheard(everything, 6), truth.queries, 3)
    assert num_heard(truth.queries) == 3
    assert asked == [6]  # 3 + the longest history's 3, and never more than the catalogue
    assert (
        rows.tolist()
        == worlds.slates(world, ["a2", "b2", "c1"], ["a2", "b1", "b2"], ["a1", "a2", "b1"]).tolist()
    )


def test_users_are_asked_in_batches_with_their_own_histories() -> None:
    users = BATCH_USERS + 3
    world = worlds.dataset(
        [(f"u{i:04}", f"t{i % 2}", day) for i in range(users) for day in (1.0 + i % 2, 12.0 - i % 2)]
        + [(f"u{i:04}", f"t{1 - i % 2}", 13.0) for i in range(users)],
        [{"track_id": "t0"}, {"track_id": "t1"}],
    )
    truth = worlds.truth(world)
    sizes = []

    def other(queries: Queries, k: int):  # type: ignore[no-untyped-def]
        sizes.append(len(queries))
        rows = (1 - queries.last_tracks(1)).astype(np.int32)
        return rows, np.ones(rows.shape, np.float32)

    found = evaluate("other", other, truth, worlds.settings())
    assert sizes == [BATCH_USERS, 3]
    assert found.summary[EVERYONE]["recall"] == (1.0, 1.0, 1.0)


def test_heard_tracks_count_for_no_system() -> None:
    world = worlds.letters()
    truth = worlds.truth(world)
    # ann's a1 is heard, so the slate that repeats it is cut to a2.
    repeats = worlds.fixed(
        worlds.slates(world, ["a1", "a2", "-"], ["a1", "-", "-"], ["-", "-", "-"]), [0, 1, 2]
    )
    found = evaluate("repeats", repeats, truth, worlds.settings())
    assert found.metrics["ndcg"][0] == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert np.isnan(found.metrics["novelty_bits"][1])


def test_popularity_is_the_most_heard_less_the_heard() -> None:
    world = worlds.letters()
    truth = worlds.truth(world)
    rows = slates_of(popularity(truth.popularity), truth.queries, 2)
    assert rows.tolist() == worlds.slates(world, ["a2", "b2"], ["b1", "a2"], ["a1", "b1"]).tolist()


def test_artist_popularity_stays_with_the_users_own_artists() -> None:
    world = worlds.dataset(
        [("fan", "a1", 1.0), ("fan", "a1", 2.0), ("fan", "b1", 3.0), ("fan", "d1", 3.5, -1.0)]
        + [(f"x{i}", "a3", 4.0) for i in range(3)]
        + [("x0", "a2", 5.0), ("x1", "b2", 5.0), ("x1", "b2", 6.0), ("x2", "c1", 7.0)]
        + [("fan", "a2", 12.0), ("new", "a2", 12.0)],
        [{"track_id": t, "artist_ids": [t[0]]} for t in ("a1", "a2", "a3", "b1", "b2", "c1", "d1")]
        + [{"track_id": "zz"}],
    )
    truth = worlds.truth(world)
    recommend = artist_popularity(truth.catalogue, truth.popularity)
    rows, scores = recommend(truth.queries, 5)
    # fan: a twice, b once. a3: 2 log(1+3), a2: 2 log(1+1), b2: log(1+1); d was skipped, c is not known.
    assert rows.tolist() == worlds.slates(world, ["a3", "a2", "b2", "-", "-"], ["-"] * 5).tolist()
    assert scores[0, :3] == pytest.approx([2 * np.log(4), 2 * np.log(2), np.log(2)])
    empty = recommend(truth.queries.slice(1, 2), 5)[0]
    assert empty.tolist() == [[-1] * 5]


def test_exposure_is_unequal_as_its_definition_says() -> None:
    counts = np.array([[1.0, 1.0, 1.0, 1.0], [4.0, 0.0, 0.0, 0.0]])
    # Gini is half the mean absolute difference over the mean; of one of N it is 1 - 1/N.
    assert gini(counts, 4) == pytest.approx([0.0, 0.75])
    exposures = np.array([0, 0, 0, 5, 1, 2])
    differences = np.abs(exposures[:, None] - exposures[None, :]).mean() / (2 * exposures.mean())
    assert gini(np.array([[5.0, 1.0, 2.0]]), 6) == pytest.approx([differences])


def test_coverage_and_its_interval() -> None:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.choice(50, 3, replace=False) for _ in range(40)]).astype(np.int32)
    found = catalogue_metrics(rows, 100, samples=100, confidence=0.9, seed=1)
    assert found["coverage"].mean == len(np.unique(rows)) / 100
    for interval in found.values():
        assert 0 <= interval.low <= interval.mean <= interval.high <= 1
        assert interval.low < interval.high
    nothing = catalogue_metrics(np.full((2, 3), -1, np.int32), 100, samples=10, confidence=0.9, seed=1)
    assert np.isnan(nothing["coverage"]).all()


def test_what_is_saved_comes_back_and_names_no_user(tmp_path) -> None:  # type: ignore[no-untyped-def]
    world = worlds.letters()
    truth = worlds.truth(world)
    found = evaluate("popularity", popularity(truth.popularity), truth, worlds.settings(), bundle="abc")
    found.save(tmp_path)
    back = Evaluation.load(tmp_path, "popularity")
    assert (back.system, back.bundle, back.k, back.truth) == ("popularity", "abc", 3, truth.digest)
    assert list(back.metrics) == list(found.metrics)
    assert list(back.cohorts) == list(found.cohorts)
    for name, values in found.metrics.items():
        np.testing.assert_array_equal(back.metrics[name], values)
    assert back.catalogue == found.catalogue
    assert str(back.summary) == str(found.summary)
    about = json.loads((tmp_path / "popularity.json").read_text())
    assert about["users"]["all"] == 3
    assert about["summary"]["all"]["recall"][0] == pytest.approx(found.metrics["recall"].mean())
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(name in written for name in (b"ann", b"bob", b"cat_"))


def test_a_missing_or_broken_file_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(IntegrityError, match=r"popularity\.json is not a whole JSON file"):
        Evaluation.load(tmp_path, "popularity")
    (tmp_path / "popularity.json").write_text('{"system"')
    with pytest.raises(
        IntegrityError, match=r"popularity\.json is not a whole JSON file.*run its step again"
    ):
        Evaluation.load(tmp_path, "popularity")
