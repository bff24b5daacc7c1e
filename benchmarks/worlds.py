"""Simulated listening whose truth is known, and a recommender trained on it, for benchmarks that need both."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.harness import Options
from benchmarks.quality.data import QUICK
from crossfade.evaluation.lineage import comparable_bundle
from crossfade.evaluation.trained import trained_bundle
from crossfade.evaluation.trial import Trial
from crossfade.features.dataset import Dataset, Users
from crossfade.features.gold_tables import ordered
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.lake.own_ids import own_ids
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import Settings
from crossfade.sources.importing import import_files
from crossfade.twin.spec import TwinSpec
from crossfade.twin.truth import Truth, read_truth
from crossfade.twin.twin import simulate

WHOLE: Final = TwinSpec(num_users=2000, num_tracks=6000)
QUICK_TRAINING: Final = ("two_tower.epochs=2", "ranking.num_trees=100")


@dataclass(frozen=True)
class World:
    """A twin's listening as a dataset, and the truth behind it; users and tracks have the same rows in both."""

    dataset: Dataset
    truth: Truth


def twin_world(options: Options, folder: Path, settings: Settings, whole: TwinSpec = WHOLE) -> World:
    """Read the lake and the truth of a demo's directory, or simulate listeners in an empty folder.

    Args:
        options: `directory` and `quick` are read.
        folder: Gets the lake of simulated listeners.
        settings: Of lake and dataset.
        whole: Whom to simulate, unless `quick` takes few.

    Raises:
        NotFoundError: The directory holds no lake, or listening that nobody simulated.
    """
    if options.directory is not None:
        lake, data = Lake.open(options.directory / "lake"), options.directory / "data"
    else:
        lake, data = _simulated(folder, settings, QUICK if options.quick else whole)
    dataset, truth = _by_own_ids(make_dataset(lake, settings), lake), read_truth(data)
    sizes = (len(dataset.users), len(dataset.catalogue))
    if sizes != (len(truth.impatience), len(truth.track_weights)):
        raise NotFoundError(
            f"The lake in {options.directory} has {sizes[0]} users and {sizes[1]} tracks, which are not those of the "
            "twin beside it; name the directory of a demo without --data."
        )
    return World(dataset, truth)


def _by_own_ids(dataset: Dataset, lake: Lake) -> Dataset:
    """Return the dataset with its users in the order of their own ids, as the truth has them; they keep their pseudonyms."""
    names = own_ids(lake, dataset.users.table.column(c.USER_ID).to_pylist())
    order = np.argsort(list(names.values()), kind="stable")
    acts = dataset.interactions
    moved = replace(acts, user_rows=np.argsort(order)[acts.user_rows].astype(np.int32))
    return replace(dataset, users=Users(dataset.users.table.take(order)), interactions=ordered(moved))


def _simulated(folder: Path, settings: Settings, spec: TwinSpec) -> tuple[Lake, Path]:
    lake = Lake.create(folder / "lake")
    for path in simulate(spec).write(folder / "data"):
        source = "catalogue" if path.stem == "tracks" else path.stem
        import_files(lake, source, [path], settings=settings)
    refresh(lake, settings.with_own_ids())
    return lake, folder / "data"


def trained_recommender(options: Options, dataset: Dataset, folder: Path, settings: Settings) -> Recommender:
    """Open the demo's own bundle that does not know the test period, or train one in an empty folder.

    Raises:
        NotFoundError: The directory holds no workspace, or none of the champion's family can be judged.
    """
    if options.directory is None:
        return Recommender.load(trained_bundle(Trial.of(dataset), folder / "training", settings))
    workspace = Workspace.open(options.directory / "workspace")
    champion, moment = workspace.champion().name, dataset.split.test_start
    found = comparable_bundle(workspace.bundles, champion, moment)
    if found is None:
        raise NotFoundError(f"Champion {champion} and its parents all know what was heard after {moment}.")
    return Recommender.load(found)
