"""A year of the whole loop: listeners live, the lake learns of it, drift and models are looked after, experiments run."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.twin_year import playlists
from benchmarks.twin_year.plan import Plan
from benchmarks.twin_year.playlists import Playlists
from benchmarks.twin_year.telling import Teller, Told, days_until
from benchmarks.twin_year.training import Training
from benchmarks.twin_year.trials import Trials
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.recommender.workspace import Workspace
from crossfade.schema.durable import remove_directory
from crossfade.sources.importing import import_files
from crossfade.twin.town import DAYS_PER_WEEK, Town, Week
from monitoring.drift.stage import DRIFTED, find_drift, outcome


@dataclass
class Year:
    """What happened.

    Args:
        told: Of each week in which something was recommended.
        did: What the loop did by itself, with the week.
        digest: Over all playlists, all events and all that was done; equal plans give equal ones.
        waited: Median days until a new track was first heard by anybody, and share that nobody heard.
        offered: ... until it first stood in a playlist, and share that never did.
        beside: What playlists were like that nobody was shown (`Plan.beside`): by name, for each week the figures of
            `Teller.of_playlists`.
    """

    told: list[Told] = field(default_factory=list)
    did: list[tuple[int, str]] = field(default_factory=list)
    digest: str = ""
    waited: tuple[float, float] = (np.nan, np.nan)
    offered: tuple[float, float] = (np.nan, np.nan)
    beside: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def count(self, words: str) -> int:
        """Return how often the loop did something."""
        return sum(words in did for _, did in self.did)


class Loop:
    """The loop over one town.

    Args:
        plan: What runs when.
        directory: An empty one; lake, workspace and datasets go there.
    """

    def __init__(self, plan: Plan, directory: Path) -> None:
        self._plan, self._directory = plan, directory
        self._settings = plan.all_settings
        self._town = Town(plan.spec)
        self._lake = Lake.create(directory / "lake")
        self._workspace = Workspace.create(directory / "workspace")
        self._trials = Trials(plan, self._workspace, self._lake)
        self._teller, self._year, self._hash = Teller(self._town), Year(), sha256()
        self._number, self._trained, self._num_trainings = 0, 0, 0
        self._kept: dict[str, list[pa.Table]] = {
            "catalogue": [],
            "artists": [self._town.artists],
            "users": [self._town.users],
            "events": [],
        }

    def run(self) -> Year:
        """Live through all weeks and return what happened."""
        for _ in range(self._plan.warm_weeks):
            self._live(Playlists.none(self._plan.spec.num_users))
        for _ in range(self._plan.weeks):
            self._learn()
            dataset_dir = self._dataset()
            self._maintain(dataset_dir)
            participation = self._trials.participation
            playlists.make(self._workspace, dataset_dir, self._settings, participation)
            on_offer = playlists.read(self._workspace, self._town, participation)
            self._look_beside(dataset_dir)
            self._year.told.append(self._live(on_offer))
        first, last = (
            weeks * DAYS_PER_WEEK
            for weeks in (self._plan.warm_weeks, self._plan.warm_weeks + self._plan.weeks - 4)
        )
        self._year.waited = days_until(self._town, self._teller.first_heard, first, last)
        self._year.offered = days_until(self._town, self._teller.first_offered, first, last)
        self._year.digest = self._hash.hexdigest()[:16]
        return self._year

    def _look_beside(self, dataset_dir: Path) -> None:
        for name, changes in self._plan.beside.items():
            others = playlists.made_beside(
                self._workspace.champion(), dataset_dir, self._settings, self._town, changes
            )
            self._year.beside.setdefault(name, []).append(self._teller.of_playlists(others))

    @property
    def _now(self) -> datetime:
        start = datetime.combine(self._plan.spec.start, datetime.min.time(), UTC)
        return start + timedelta(weeks=self._number)

    def _live(self, on_offer: Playlists) -> Told:
        """Let a week go by, and keep what happened in it for the lake."""
        week = self._town.live(on_offer.rows)
        events = week.events
        if on_offer.slates:
            shown = playlists.exposures(self._town, week, self._number, on_offer)
            events = pa.concat_tables([events, shown])
        told = self._teller.week(self._number, week, on_offer)
        self._digest(week, on_offer)
        since, self._number = self._number * DAYS_PER_WEEK, self._number + 1
        out = self._town.music.release_days
        # The catalogue holds what is out by the end of the week; before the first week, all of the past.
        new = (out < self._number * DAYS_PER_WEEK) & ((out >= since) | (since == 0))
        self._kept["catalogue"].append(self._town.tracks.filter(pa.array(new)))
        self._kept["events"].append(events)
        return told

    def _learn(self) -> None:
        """Import what was kept, and refresh the lake."""
        for source, tables in self._kept.items():
            table = pa.concat_tables(tables) if tables else ()
            if len(table):
                path = self._directory / f"{source}-{self._number}.parquet"
                pq.write_table(table, path)
                import_files(self._lake, source, [path], settings=self._settings, now=self._now)
            tables.clear()
        refresh(self._lake, self._settings)

    def _dataset(self) -> Path:
        """Save what is known by now, and forget what was known before."""
        remove_directory(self._directory / f"dataset-{self._number - 1}")
        directory = self._directory / f"dataset-{self._number}"
        make_dataset(self._lake, self._settings).save(directory)
        return directory

    def _maintain(self, dataset_dir: Path) -> None:
        """Take the step of what runs; else train where it is time or listening has drifted, or begin the next experiment."""
        week = self._number - self._plan.warm_weeks
        if self._workspace.champion_digest() is None:
            self._train(dataset_dir, "first")
        elif self._trials.participation is not None:
            self._did(*self._trials.step(week, self._now))
        elif reason := self._reason_to_train():
            self._train(dataset_dir, reason)
        else:
            self._did(*self._trials.step(week, self._now))

    def _reason_to_train(self) -> str:
        since = self._number - self._trained
        if since >= self._plan.retrain_weeks:
            return "time"
        if since % self._plan.drift_weeks == 0 and since:
            drift = find_drift(self._lake, self._workspace, self._settings, with_champion=False)
            self._did(f"drift: {outcome(drift)}")
            return "drift" if outcome(drift) == DRIFTED else ""
        return ""

    def _train(self, dataset_dir: Path, reason: str) -> None:
        self._num_trainings, self._trained = self._num_trainings + 1, self._number
        scratch = self._directory / "training"
        remove_directory(scratch)
        scratch.mkdir()
        is_broken = self._num_trainings == self._plan.broken_training
        name = f"training-{self._num_trainings}"
        training = Training(self._plan, self._workspace, dataset_dir, scratch, is_broken, name)
        what = "broken training" if is_broken else "training"
        self._did(f"{what} ({reason}): {training.run()}")

    def _did(self, *sentences: str) -> None:
        self._year.did += [(self._number - self._plan.warm_weeks, each) for each in sentences]
        for each in sentences:
            self._hash.update(each.encode())

    def _digest(self, week: Week, on_offer: Playlists) -> None:
        for array in (on_offer.rows, week.log.users, week.log.tracks, week.log.times_ms, week.log.played_ms):
            self._hash.update(np.ascontiguousarray(array).tobytes())
