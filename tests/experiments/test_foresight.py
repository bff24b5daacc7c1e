"""A treatment that nobody has seen, judged from slates of a planted world whose listeners want their own genre alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crossfade.experiments.foresight import Foreseen, foreseen, judged, require_not_worse
from crossfade.experiments.shown_slates import ShownSlates, slates_of
from crossfade.lake.lake import Lake
from crossfade.recommender.foretelling import chances_of
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.schema.errors import InputError
from crossfade.schema.tables import Surface
from tests.experiments.rollouts import Place, experiment
from tests.recommender import world

SURFACE = Surface.DISCOVER_WEEKLY
USERS = np.arange(world.NUM_USERS, dtype=np.int32)
HOURS = 8  # slates of each listener, an hour apart, so that draws differ
MOMENTS = [world.SPLIT.test_start - 3600 * hour for hour in range(HOURS)]
SHOWN = {"k": 6, "explore_places": (2,), "explore_prior": 0.05, "explore_most": 0}
K = 6
# The more everybody's rate weighs, the more nearly a genre that the listener never played is drawn as often as their own.
TREATMENTS = {
    "faithful": {"explore_prior": 0.04},
    "fickle": {"explore_prior": 20.0},
    "scattered": {"diversity": 0.9, "popularity_penalty": 5.0},
    "longer": {"k": 8},
}


@pytest.fixture(scope="module")
def recommenders(planted_world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recommender]:
    loaded = Recommender.load(world.copied(planted_world, tmp_path_factory.mktemp("foresight")))

    def changed(changes: dict[str, object]) -> Recommender:
        policy = loaded.policies[SURFACE].model_copy(update={**SHOWN, **changes})
        return replace(loaded, policies={**loaded.policies, SURFACE: policy})

    return {"control": changed({}), **{name: changed(changes) for name, changes in TREATMENTS.items()}}


def _requests(recommender: Recommender, moment: int) -> Requests:
    return Requests.of_users(recommender.dataset, USERS, moment, SURFACE, K)


def _is_own(rows: np.ndarray) -> np.ndarray:
    """Tracks of jazz stand first in the catalogue; even listeners hear rock."""
    shape = (len(USERS), *(1,) * (rows.ndim - 1))
    return (rows >= world.NUM_TRACKS) == (USERS % 2 == 0).reshape(shape)


@pytest.fixture(scope="module")
def shown(recommenders: dict[str, Recommender]) -> ShownSlates:
    control, slates = recommenders["control"], []
    slates = [control.recommend(_requests(control, moment)) for moment in MOMENTS]
    rows = np.concatenate([each.rows for each in slates])
    tracks = control.catalogue.tracks.ids.take(pa.array(rows.ravel()))
    return ShownSlates(
        pa.array([f"u{user:02}" for user in USERS] * HOURS),
        np.repeat(np.array(MOMENTS) + 60, len(USERS)),
        tracks,
        np.concatenate([each.propensities for each in slates]).astype(np.float64),
        np.concatenate([_is_own(each.rows) for each in slates]).astype(np.float64),
    )


@pytest.fixture(scope="module")
def found(recommenders: dict[str, Recommender], shown: ShownSlates) -> dict[str, Foreseen]:
    dataset = recommenders["control"].dataset
    told = judged(shown, MOMENTS, dataset, recommenders, surface=SURFACE, confidence=0.95)
    return {each.treatment: each for each in told}


def _earned(recommender: Recommender) -> float:
    """The mean over places of the probability that a track of the listener's own genre stands there."""
    told = [chances_of(recommender, _requests(recommender, moment)) for moment in MOMENTS]
    return float(np.mean([(each.chances * _is_own(each.rows)).sum(axis=2).mean() for each in told]))


def test_what_treatments_would_earn_is_told_from_what_was_shown(
    recommenders: dict[str, Recommender], found: dict[str, Foreseen]
) -> None:
    now = _earned(recommenders["control"])
    for name in ("faithful", "fickle"):
        told, truth = found[name].difference, _earned(recommenders[name]) - now
        assert told is not None
        assert told.low <= truth <= told.high, name
        assert (found[name].slates, found[name].left_out) == (len(USERS) * HOURS, 0)
    assert _earned(recommenders["fickle"]) < now - 0.02


def test_a_worse_one_does_not_begin(found: dict[str, Foreseen]) -> None:
    assert found["fickle"].is_worse
    with pytest.raises(
        InputError, match=r"The log shows that 'fickle' is worse than control, .*By 320 shown"
    ):
        require_not_worse(list(found.values()))
    (sentence,) = require_not_worse([found["faithful"]])
    assert sentence.startswith("By 320 shown slates (0 could not be made again) 'faithful' earns ")


def test_what_the_log_cannot_hold_is_not_told(found: dict[str, Foreseen]) -> None:
    assert found["scattered"].difference is None
    assert "of its choices where the log holds none of them" in found["scattered"].why_not
    assert found["longer"].why_not.startswith("its slates have another length")
    sentences = require_not_worse([found["scattered"], found["longer"]])
    assert [each.partition(":")[0] for each in sentences] == [
        "The log cannot tell of 'scattered'",
        "The log cannot tell of 'longer'",
    ]


def test_slates_that_come_out_otherwise_are_left_out(
    recommenders: dict[str, Recommender], shown: ShownSlates
) -> None:
    other = shown.propensities.copy()
    other[:40, 1] *= 0.5
    few = {name: recommenders[name] for name in ("control", "faithful")}
    (told,) = judged(
        replace(shown, propensities=other),
        MOMENTS,
        few["control"].dataset,
        few,
        surface=SURFACE,
        confidence=0.95,
    )
    assert (told.slates, told.left_out) == (len(shown) - 40, 40)


def test_only_whole_slates_count_and_each_was_made_before_it_was_shown() -> None:
    began = datetime(2026, 3, 2, tzinfo=UTC)

    def places(user: str, slate: str, positions: tuple[int, ...], hour: float) -> list[dict[str, object]]:
        moment = began + timedelta(hours=hour)
        return [
            {
                "user_id": user, "slate_id": slate, "position": place, "track_id": f"{slate}{place}",
                "propensity": 1 / (place + 1), "shown": moment, "wanted": float(place == 1),
            }
            for place in positions
        ]  # fmt: skip

    rows = places("u1", "a", (1, 0), 5) + places("u2", "b", (0, 2), 5) + places("u2", "c", (0,), 5)
    rows += places("u2", "d", (0, 1), 1) + places("u3", "e", (0, 1, 2), 9)
    found = slates_of(pa.Table.from_pylist(rows), 2)
    assert found.users.to_pylist() == ["u1", "u2"]
    assert found.tracks.to_pylist() == ["a0", "a1", "d0", "d1"]
    assert found.propensities.tolist() == [[1, 0.5], [1, 0.5]]
    assert found.wanted.tolist() == [[0, 1], [0, 1]]
    moments = [int((began + timedelta(hours=hour)).timestamp()) for hour in (4, 1)]
    assert found.made_at(moments).tolist() == [
        moments[0],
        -1,
    ]  # shown at one o'clock is not made from then on
    assert found.take(np.array([1])).tracks.to_pylist() == ["d0", "d1"]
    assert len(slates_of(pa.Table.from_pylist(rows), 7)) == 0


@pytest.mark.parametrize("surface", ["radio", "discover_weekly"])
def test_nothing_is_told_of_requests_and_of_what_was_never_published(tmp_path: Path, surface: str) -> None:
    place = Place(tmp_path)
    lake = Lake.create(tmp_path / "lake")
    assert foreseen(lake, place.rollout.installation, experiment(surface=surface), place.now) == []
