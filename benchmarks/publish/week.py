"""Two weeks of playlists as finished shards, made by a stand-in for the recommender; what is published is what counts here."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.weekly.stages import SURFACE
from benchmarks.weekly.world import SPLIT, Artists, catalogue_of, users_of
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Interactions
from crossfade.recommender.bundle import POLICIES, write_bundle
from crossfade.recommender.manifest import DIGEST, read_manifest
from crossfade.recommender.requests import Requests
from crossfade.recommender.slates import Slates
from crossfade.recommender.surfaces import write_policies
from crossfade.recommender.wording import ReasonKind, Wording
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import WeeklySettings
from crossfade.store.plan import plan_shards, read_plan, shard_home
from crossfade.store.shards import write_shard

NUM_ARTISTS: Final = 1000
STRIDE: Final = 7  # between the tracks of a slate, so that no artist has more than two
# The scores of a week lie above its number times this, so that a reader tells of each track which week it is of.
WEEK: Final = 10.0
# What a reader notes instead of a week.
ERROR, MIXTURE = -1, -2


@dataclass(frozen=True)
class StandIn:
    """Recommends what follows from a user's row and the week.

    Args:
        dataset: Catalogue and users.
        digest: Of the bundle that it stands for.
        week: From 1.
        one_in: Only one in so many users gets the week's slate, the others that of the week before.
    """

    dataset: Dataset
    digest: str
    week: int
    one_in: int = 1

    @property
    def catalogue(self) -> Catalogue:
        """The tracks."""
        return self.dataset.catalogue

    @cached_property
    def wording(self) -> Wording:
        """Turns reasons into sentences."""
        return Wording(self.catalogue, self.dataset.users.countries)

    def recommend(self, requests: Requests) -> Slates:
        """Give every user another 30 tracks, all because of an artist."""
        places, users = np.arange(requests.k), requests.queries.user_rows.astype(np.int64)[:, None]
        weeks = self.week - (users % self.one_in > 0)
        starts = users * 31 + weeks
        rows = ((starts + STRIDE * places) % len(self.catalogue)).astype(np.int32)
        # As unlike each other as a ranker's, so that they are packed as badly.
        fractions = (rows.astype(np.int64) * 40_503 + starts) % 65_521 / 65_521
        scores = (WEEK * weeks + 1 - np.sort(fractions, axis=1)).astype(np.float32)
        kinds = np.full(rows.shape, ReasonKind.ARTIST, np.int8)
        return Slates(
            rows,
            scores,
            np.zeros(rows.shape, np.int8),
            np.ones(rows.shape, np.float32),
            kinds,
            self.catalogue.artist_rows[rows],
        )


def week_of(
    folder: Path, number: int, num_users: int, settings: WeeklySettings, one_in: int = 1
) -> tuple[Workspace, str]:
    """Make dataset, bundle and all shards of a week for so many users; return the workspace and the generation.

    Args:
        folder: Gets a workspace that weeks share.
        number: Of the week, from 1.
        num_users: Of the week.
        settings: `users_per_shard` and `batch_users` are read.
        one_in: As in `StandIn`.
    """
    random = np.random.default_rng(0)
    nothing = np.zeros(0, np.int32)
    acts = Interactions(nothing, nothing, np.zeros(0, np.int64), np.zeros(0, np.float32), nothing)
    dataset = Dataset(
        catalogue_of(Artists(NUM_ARTISTS), random), users_of(num_users, random), acts, SPLIT, {"week": number}
    )
    home = folder / f"week-{number}"
    dataset.save(home)
    workspace = Workspace.create(folder / "workspace")

    def fill(directory: Path) -> None:
        dataset.save(directory)
        write_policies(directory / POLICIES)

    bundle = write_bundle(workspace.bundles, fill, {"window": {"end": SPLIT.end}})
    specs = plan_shards(home, bundle, workspace, settings, SURFACE)
    generation, _ = read_plan(workspace, SURFACE, specs[0].generation)
    stand_in = StandIn(dataset, str(read_manifest(bundle)[DIGEST]), number, one_in)
    for spec in specs:
        stem = shard_home(workspace, SURFACE, generation.name) / spec.stem
        write_shard(
            stem,
            spec,
            generation,
            dataset=dataset,
            recommender=stand_in,  # type: ignore[arg-type]
            batch_users=settings.batch_users,
        )
    return workspace, generation.name
