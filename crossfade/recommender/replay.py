"""Answers logged requests again from the lake, and says which features come out differently.

What was served and what is trained on must be the same numbers. Times that are shifted, events that came late and rows that
were not renewed make them differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from crossfade.features.dataset import Dataset
from crossfade.features.definitions import TRACK, freshness_hours
from crossfade.features.make_dataset import make_dataset
from crossfade.features.statistics import Statistics
from crossfade.features.translation import Translation
from crossfade.lake.lake import Lake
from crossfade.recommender.asked_rows import requests_of
from crossfade.recommender.feature_log import FeatureLog, LoggedRequest
from crossfade.recommender.ranked import Ranked
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import InputError

# Sums of float32 come out differently in their last bits where a batch has another size.
RELATIVE: Final = 1e-5
ABSOLUTE: Final = 1e-6
NOT_A_CANDIDATE: Final = "is a candidate"
TOO_OLD: Final = "statistics_age_hours"
SECONDS_PER_HOUR: Final = 3600


@dataclass(frozen=True)
class Difference:
    """One feature that comes out differently.

    Args:
        request: Its id or user.
        track_id: The shown track, empty where all of them are meant.
        feature: Its name; or that the track is no candidate any more; or the age of the counts, whose second value is
            what their definition allows.
        logged: What was served.
        recomputed: What the lake gives, NaN where that is nothing.
    """

    request: str
    track_id: str
    feature: str
    logged: float
    recomputed: float

    def as_json(self) -> dict[str, str | float | None]:
        """Return JSON-able values; missing ones are null."""
        values = asdict(self)
        return {
            name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in values.items()
        }


@dataclass(frozen=True)
class Replayed:
    """What a replay found.

    Args:
        num_requests: Requests that were answered again.
        num_values: Features that were compared.
        differences: Those that differ.
    """

    num_requests: int
    num_values: int
    differences: tuple[Difference, ...]


def replay_log(log: Path, lake: Lake, workspace: Workspace) -> Replayed:
    """Replay a log whose requests any bundles of a workspace have answered; arguments and errors as in `replay`."""
    entries = FeatureLog(log).read()
    parts = []
    for digest in dict.fromkeys(entry.bundle for entry in entries):
        recommender = Recommender.load(workspace.bundle(digest))
        own = [entry for entry in entries if entry.bundle == digest]
        parts.append(replay(own, recommender, offline_dataset(lake, recommender)))
    return Replayed(
        sum(part.num_requests for part in parts),
        sum(part.num_values for part in parts),
        tuple(each for part in parts for each in part.differences),
    )


def offline_dataset(lake: Lake, recommender: Recommender) -> Dataset:
    """Read what the lake holds today of everything before the bundle's moment, in the rows of the bundle.

    Args:
        lake: The one that the bundle was trained on; what has arrived since is read, too.
        recommender: The bundle.

    Raises:
        NotFoundError: The lake has not been refreshed.
    """
    bundle = recommender.dataset
    today = make_dataset(lake, recommender.settings, split=bundle.split)
    return Translation(today, bundle).histories().until(recommender.as_of)


def replay(entries: Sequence[LoggedRequest], recommender: Recommender, dataset: Dataset) -> Replayed:
    """Answer logged requests again, each as of its own moment, and compare the features of what was shown.

    Args:
        entries: Of one bundle.
        recommender: That bundle.
        dataset: Of `offline_dataset`.

    Raises:
        InputError: An entry is of another bundle.
    """

    @cache
    def as_of(moment: int) -> Recommender:
        return replace(recommender, dataset=dataset, statistics=Statistics.of(dataset, moment))

    found: list[Difference] = []
    for entry in entries:
        if entry.bundle != recommender.digest:
            raise InputError(
                f"Request {entry.name} was answered by bundle {entry.bundle}, but {recommender.digest} is to answer it again; "
                "name the workspace that has its bundle."
            )
        found += _stale(entry)
        found += _differences(entry, _ranked(entry, as_of(entry.statistics_as_of)), dataset)
    return Replayed(len(entries), sum(entry.features.size for entry in entries), tuple(found))


def _stale(entry: LoggedRequest) -> Iterator[Difference]:
    hours = (entry.moment - entry.statistics_as_of) / SECONDS_PER_HOUR
    if hours > freshness_hours(TRACK):
        yield Difference(entry.name, "", TOO_OLD, hours, freshness_hours(TRACK))


def _ranked(entry: LoggedRequest, recommender: Recommender) -> Ranked:
    moment = datetime.fromtimestamp(entry.moment, UTC)
    ask = entry.request if entry.request.time is None else entry.request.model_copy(update={"time": moment})
    k = max(len(entry.track_ids), 1)
    lake, home = recommender.settings.lake, recommender.home
    requests, _ = requests_of([ask], recommender.dataset, entry.moment, k, lake=lake, home=home)
    return recommender.rank(requests, recommender.exclusions(requests))


def _differences(entry: LoggedRequest, ranked: Ranked, dataset: Dataset) -> Iterator[Difference]:
    candidates = ranked.candidates.rows[0]
    for track, row, served in zip(
        entry.track_ids, dataset.catalogue.tracks.rows(entry.track_ids), entry.features, strict=True
    ):
        places = np.flatnonzero(candidates == row)
        if not len(places):
            yield Difference(entry.name, track, NOT_A_CANDIDATE, 1, 0)
            continue
        again = ranked.features[0, places[0]]
        equal = np.isclose(served, again, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
        for place in np.flatnonzero(~equal):
            name = entry.task.features[place]
            yield Difference(entry.name, track, name, float(served[place]), float(again[place]))
