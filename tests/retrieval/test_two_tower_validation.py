import numpy as np
import pytest

from crossfade.retrieval import two_tower_validation
from crossfade.retrieval.two_tower_validation import Validation
from tests.builders import Play, dataset


def plays() -> list[Play]:
    """40 users hear x on day 1; on day 100 the first 30 hear y and x again, the others x again."""
    early = [(f"u{user:02}", "x", 1.0 + user / 1000) for user in range(40)]
    filler = [("z", f"f{i}", 2.0 + i / 100) for i in range(1100)]
    late = [
        (f"u{user:02}", track, 100.0) for user in range(40) for track in ("x", "y")[: 2 if user < 30 else 1]
    ]
    return early + filler + late


def test_held_out_users_wanted_unheard_tracks_in_the_newest_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_tower_validation, "USER_SHARE", 0.8)
    data = dataset(plays())
    validation = Validation.of(data, seed=1)
    tracks, users = data.catalogue.tracks.rows(["y"]), validation.queries.user_rows
    assert len(users) == 24
    assert max(users) < 30  # nobody who only repeated x
    assert validation.wanted.tolist() == [query * len(data.catalogue) + tracks[0] for query in range(24)]
    assert validation.queries.track_rows.tolist() == data.catalogue.tracks.rows(["x"] * 24).tolist()
    held = validation.holds_out(data.interactions.user_rows, data.interactions.seconds)
    assert held.sum() == 48  # x and y of day 100
    assert set(data.interactions.user_rows[held]) == set(users)


def test_recall_leaves_heard_tracks_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_tower_validation, "RECALL_AT", 1)
    monkeypatch.setattr(two_tower_validation, "USER_SHARE", 0.8)
    monkeypatch.setattr(two_tower_validation, "QUERIES_PER_BLOCK", 7)
    data = dataset(plays())
    validation = Validation.of(data, seed=1)
    # Everybody scores x highest, then y; x was heard, so y is the best unheard one: recall 1.
    tracks = np.zeros((len(data.catalogue), 1), np.float32)
    tracks[data.catalogue.tracks.rows(["x", "y"]), 0] = [2, 1]
    users = np.ones((24, 1), np.float32)
    assert validation.recall(users, tracks) == 1
    users[:6] = -1  # these rank y last
    assert validation.recall(users, tracks) == pytest.approx(18 / 24)


def test_too_few_users_are_not_held_out() -> None:
    validation = Validation.of(dataset(plays()), seed=1)  # 0.3 x 30 users are fewer than 20
    assert len(validation.queries) == 0
    assert not validation.holds_out(np.arange(40, dtype=np.int32), np.full(40, 10**12)).any()
