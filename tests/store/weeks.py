"""A weekly batch whose slates are known by construction, and a recommender that needs no training.

User u00 has heard nothing, u01 the first 2 tracks, u02 the first 4 and so on; there are 40 tracks, each by its
own artist. The planted recommender gives the tracks that are left, in order; u03 is picky and gets 5 only.
"""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import Interactions
from crossfade.recommender.bundle import POLICIES, write_bundle
from crossfade.recommender.manifest import DIGEST, read_manifest
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.recommender.surfaces import write_policies
from crossfade.recommender.wording import ReasonKind, Wording
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import WeeklySettings
from crossfade.schema.tables import Surface
from crossfade.store import weekly
from crossfade.store.plan import ShardSpec
from crossfade.store.shards import Receipt
from crossfade.store.weekly import Published
from tests.builders import catalogue, users

NUM_TRACKS = 40
NUM_USERS = 12
END = 100 * 86_400


def track(number: int) -> str:
    return f"t{number:02d}"


def nothing_heard() -> Interactions:
    acts = listening().interactions
    return acts.where(acts.user_rows < 0)


def listening(tracks: Catalogue | None = None) -> Dataset:
    plays = [(user, number) for user in range(NUM_USERS) for number in range(2 * user)]
    everyone = users([f"u{user:02d}" for user in range(NUM_USERS)], ["SE"] * NUM_USERS)
    tracks = tracks or known_tracks()
    acts = Interactions(
        np.array([user for user, _ in plays], np.int32),
        tracks.tracks.rows([track(number) for _, number in plays]),
        np.array([number for _, number in plays], np.int64),
        np.ones(len(plays), np.float32),
        np.array([user for user, _ in plays], np.int32),
    )
    return Dataset(tracks, everyone, acts, Split(END, END, END), {"gold/interactions": 7})


def known_tracks(num_tracks: int = NUM_TRACKS) -> Catalogue:
    return catalogue(
        [
            {
                "track_id": track(number),
                "title": f"Song {number}",
                "artist_ids": [f"a{number}"],
                "artist_name": f"Band {number}",
            }
            for number in range(num_tracks)
        ]
    )


@dataclass(frozen=True)
class Planted:
    """Stands in for a trained recommender."""

    dataset: Dataset
    digest: str

    @classmethod
    def load(cls, bundle: Path) -> Self:
        return cls(Dataset.load(bundle), str(read_manifest(bundle)[DIGEST]))

    @property
    def catalogue(self) -> Catalogue:
        return self.dataset.catalogue

    @property
    def wording(self) -> Wording:
        return Wording(self.catalogue, self.dataset.users.countries)

    def recommend(self, requests: Requests) -> Slates:
        rows = np.full((len(requests), requests.k), -1, np.int32)
        for place in range(len(requests)):
            query = requests.queries.slice(place, place + 1)
            left = np.setdiff1d(np.arange(len(self.catalogue)), query.track_rows)[: requests.k]
            if query.user_rows[0] == 3:
                left = left[:5]
            rows[place, : len(left)] = left
        filled = rows >= 0
        scores = np.where(filled, 1 - np.arange(requests.k) / 100, -np.inf).astype(np.float32)
        kinds = np.where(filled, ReasonKind.ARTIST, ReasonKind.NONE).astype(np.int8)
        reasons = np.where(filled, self.catalogue.artist_rows[np.maximum(rows, 0)], -1).astype(np.int32)
        return Slates(
            rows, scores, np.where(filled, 0, -1).astype(np.int8), filled.astype(np.float32), kinds, reasons
        )


class Stopping(Planted):
    """Dies by SIGKILL in the middle of the shard after the first."""

    def recommend(self, requests: Requests) -> Slates:
        if requests.queries.user_rows[0] >= 6:
            os.kill(os.getpid(), 9)
        return super().recommend(requests)


class Meeting(Planted):
    """Goes on with each block of listeners when another process has come to it, too."""

    def recommend(self, requests: Requests) -> Slates:
        place = Path(os.environ["MEETING"])
        block = f"{requests.queries.user_rows[0]}"
        (place / f"{block}-{os.getpid()}").touch()
        until = time.monotonic() + 60
        while len(list(place.glob(f"{block}-*"))) < 2:
            if time.monotonic() > until:
                raise TimeoutError("nobody else came")
            time.sleep(0.001)
        return super().recommend(requests)


class Mute(Planted):
    """Has nothing to recommend."""

    def recommend(self, requests: Requests) -> Slates:
        shape = (len(requests), requests.k)
        return Slates.unexplained(
            np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32), np.full(shape, -1, np.int8)
        )


@dataclass(frozen=True)
class Week:
    """Where everything of a batch is."""

    workspace: Workspace
    dataset: Path
    bundle: Path


def week(root: Path, listened: Dataset | None = None, trained: Dataset | None = None) -> Week:
    """Lay out a workspace with a bundle, and a dataset."""
    listened = listened or listening()
    workspace = Workspace.create(root / "workspace")
    listened.save(root / "dataset")

    def fill(directory: Path) -> None:
        (trained or listened).save(directory)
        write_policies(directory / POLICIES)

    return Week(workspace, root / "dataset", write_bundle(workspace.bundles, fill, {"window": {"end": END}}))


SETTINGS = WeeklySettings(
    users_per_shard=5,
    batch_users=2,
    keep_generations=2,
    max_short_share=0.5,
    store_url="",
    expire_hours=24,
    variant="",
    rewrite="all",
    monday="together",
)
WEEKLY = Surface.DISCOVER_WEEKLY


def plan(batch: Week, settings: WeeklySettings = SETTINGS) -> list[ShardSpec]:
    return weekly.plan_shards(batch.dataset, batch.bundle, batch.workspace, settings, WEEKLY)


def generate(batch: Week, settings: WeeklySettings = SETTINGS) -> list[Receipt]:
    return [
        weekly.generate_shard(batch.dataset, batch.bundle, batch.workspace, settings, spec)
        for spec in plan(batch, settings)
    ]


def publish(batch: Week, settings: WeeklySettings = SETTINGS) -> Published:
    return weekly.publish(batch.workspace, settings, WEEKLY, plan(batch)[0].generation)


def activate(batch: Week) -> str:
    """Generate, publish and activate; return the generation's name."""
    generate(batch)
    name = publish(batch).generation
    weekly.activate(batch.workspace, SETTINGS, WEEKLY, name)
    return name


def on_lake_version(batch: Week, version: int) -> Week:
    """The same workspace and bundle with the dataset of another version of the lake: another generation."""
    dataset = batch.dataset.with_name(f"dataset-{version}")
    replace(listening(), lake_versions={"gold/interactions": version}).save(dataset)
    return replace(batch, dataset=dataset)


def first_shard(batch: Week) -> Path:
    spec = plan(batch)[0]
    return batch.workspace.weekly / WEEKLY / spec.generation / f"{spec.stem}.parquet"


def shard_files(batch: Week) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in batch.workspace.weekly.rglob("shard-*")}
