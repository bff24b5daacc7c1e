"""Logged requests come out the same from the lake; a shifted zone, a late event and a stale row each do not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Interactions
from crossfade.recommender.answers import answer
from crossfade.recommender.asking import Ask, SessionTrack
from crossfade.recommender.feature_log import FeatureLog, LoggedRequest
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.replay import (
    NOT_A_CANDIDATE,
    TOO_OLD,
    Replayed,
    offline_dataset,
    replay,
    replay_log,
)
from crossfade.recommender.workspace import Workspace
from crossfade.schema.columns import RANKING_FEATURES
from crossfade.schema.errors import InputError
from crossfade.schema.tables import Surface
from tests.features.gold import gold_lake
from tests.recommender import world

HOUR = 3600
NUM_REQUESTS = 40


@pytest.fixture(scope="module")
def served(recommender: Recommender) -> Recommender:
    """The planted world has strengths as they are."""
    settings = recommender.settings
    skips = settings.skips.model_copy(update={"correct": False})
    return replace(recommender, settings=settings.model_copy(update={"skips": skips}))


def moment(recommender: Recommender, hours_before: float) -> datetime:
    return datetime.fromtimestamp(recommender.as_of, UTC) - timedelta(hours=hours_before)


def asks(recommender: Recommender) -> list[Ask]:
    """Requests of users and strangers, with and without time and session, for two surfaces."""
    surfaces = [Surface.DISCOVER_WEEKLY, Surface.RADIO]
    return [
        Ask(
            request_id=f"r{n}",
            surface=surfaces[n % 2],
            user_id=None if n % 7 == 6 else f"u{n:02}",
            session=(SessionTrack(track_id="j01", played_share=0.9), "j06") if n % 3 == 0 else (),
            time=None if n % 4 == 0 else moment(recommender, n / 4),
            country="SE" if n % 5 == 0 else None,
        )
        for n in range(NUM_REQUESTS)
    ]


@pytest.fixture(scope="module")
def log(served: Recommender, tmp_path_factory: pytest.TempPathFactory) -> FeatureLog:
    """What the requests were answered with."""
    log = FeatureLog(tmp_path_factory.mktemp("log") / "features.jsonl")
    answer(served, asks(served), 5, log=log)
    return log


@pytest.fixture(scope="module")
def entries(log: FeatureLog) -> list[LoggedRequest]:
    return log.read()


def replayed(
    entries: Sequence[LoggedRequest], served: Recommender, directory: Path, dataset: Dataset, **given: Any
) -> Replayed:
    lake = gold_lake(directory / "lake", dataset, **given)
    return replay(entries, served, offline_dataset(lake, served))


def named(found: Replayed) -> set[str]:
    return {each.feature for each in found.differences}


def test_nothing_differs_where_nothing_is_wrong(
    entries: list[LoggedRequest], served: Recommender, tmp_path: Path
) -> None:
    found = replayed(entries, served, tmp_path, world.dataset())
    assert found.differences == ()
    assert found.num_requests == NUM_REQUESTS
    assert (
        found.num_values == sum(len(entry.track_ids) * len(entry.task.features) for entry in entries) > 5000
    )


def test_a_lake_in_another_time_zone_is_seen(
    entries: list[LoggedRequest], served: Recommender, tmp_path: Path
) -> None:
    found = replayed(entries, served, tmp_path, world.dataset(), shift_seconds=2 * HOUR)
    assert "user_days_since_last" in named(found)
    assert len({each.request for each in found.differences}) > NUM_REQUESTS / 2


def test_a_log_in_another_time_zone_is_seen(
    entries: list[LoggedRequest], served: Recommender, tmp_path: Path
) -> None:
    timed = [entry for entry in entries if entry.request.time is not None and entry.request.user_id]
    shifted = [replace(entry, moment=entry.moment + 2 * HOUR) for entry in timed]
    found = replayed(shifted, served, tmp_path, world.dataset())
    assert {each.request for each in found.differences} == {entry.name for entry in timed}


def with_late_event(dataset: Dataset, user: str, seconds: int) -> Dataset:
    """Return the dataset with one more play of a user, of the track that was played first."""
    acts, row = dataset.interactions, dataset.users.ids.rows([user])[0]
    place = int(np.searchsorted(acts.user_rows, row))
    late = Interactions(
        acts.user_rows[place : place + 1],
        acts.track_rows[place : place + 1],
        np.array([seconds]),
        np.ones(1, np.float32),
        acts.sessions.max(keepdims=True) + 1,
    )
    columns = ("user_rows", "track_rows", "seconds", "strengths", "sessions")
    together = Interactions(*(np.concatenate([getattr(acts, name), getattr(late, name)]) for name in columns))
    return replace(dataset, interactions=together)


def test_an_event_that_came_after_the_answer_is_seen(
    entries: list[LoggedRequest], served: Recommender, tmp_path: Path
) -> None:
    late = with_late_event(world.dataset(), "u01", served.as_of - 30 * HOUR)
    found = replayed(entries, served, tmp_path, late)
    mine = {each.feature for each in found.differences if each.request == "r1"}
    assert "user_listens_log" in mine
    # Others see it in the counts of that track and its artist alone.
    assert not any(each.feature.startswith("user_") for each in found.differences if each.request != "r1")


def test_a_row_that_was_not_renewed_is_seen(served: Recommender, tmp_path: Path) -> None:
    (entry,) = logged(served, tmp_path / "log", [Ask(request_id="r", surface=Surface.HOME, user_id="u00")])
    row = served.catalogue.tracks.rows([entry.track_ids[0]])[0]
    listens = served.statistics.track_listens.copy()
    listens[row] -= 1
    stale = replace(served, statistics=replace(served.statistics, track_listens=listens))
    (entry,) = logged(stale, tmp_path / "stale", [entry.request])
    found = replayed([entry], served, tmp_path, world.dataset())
    assert {each.track_id for each in found.differences} == {served.catalogue.tracks.ids[int(row)].as_py()}
    assert {"track_listens_log", "track_artist_share"} <= named(found)


def logged(recommender: Recommender, path: Path, requests: list[Ask]) -> list[LoggedRequest]:
    log = FeatureLog(path)
    answer(recommender, requests, 5, log=log)
    return log.read()


def test_counts_older_than_their_freshness_are_seen(
    entries: list[LoggedRequest], served: Recommender, tmp_path: Path
) -> None:
    entry = replace(
        entries[1], statistics_as_of=entries[1].moment - 200 * HOUR, track_ids=(), features=np.empty((0, 1))
    )
    (difference,) = replayed([entry], served, tmp_path, world.dataset()).differences
    assert (difference.feature, difference.logged, difference.recomputed) == (TOO_OLD, 200, 192)


def test_a_track_that_is_no_candidate_any_more_is_told(
    entries: list[LoggedRequest], served: Recommender, tmp_path: Path
) -> None:
    track = entries[2].track_ids[0]
    request = entries[2].request.model_copy(update={"exclude": (track,)})
    entry = replace(entries[2], request=request, track_ids=(track,), features=entries[2].features[:1])
    (difference,) = replayed([entry], served, tmp_path, world.dataset()).differences
    assert (difference.track_id, difference.feature) == (track, NOT_A_CANDIDATE)
    assert difference.as_json()["logged"] == 1


def test_requests_of_another_bundle_are_refused(entries: list[LoggedRequest], served: Recommender) -> None:
    entry = replace(entries[0], bundle="0123")
    with pytest.raises(
        InputError, match=f"Request r0 was answered by bundle 0123, but {served.digest} is to answer"
    ):
        replay([entry], served, served.dataset)


def test_a_log_is_replayed_by_the_bundles_of_a_workspace(
    trained: Path, recommender: Recommender, tmp_path: Path
) -> None:
    log = FeatureLog(tmp_path / "log.jsonl")
    answer(recommender, [Ask(request_id="r", surface=Surface.HOME)], 3, log=log)
    found = replay_log(
        log.path, gold_lake(tmp_path / "lake", world.dataset()), Workspace(trained.parent.parent)
    )
    assert (found.num_requests, found.num_values) == (1, 3 * len(RANKING_FEATURES))
