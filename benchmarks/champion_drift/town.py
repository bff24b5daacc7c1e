"""A simulated lake whose champion has learnt from its first weeks, and the weeks after them, in which nothing drifts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.retraining_loop.installation import days_of
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.recommender.fit import build_bundle, fit_ranker, fit_sources
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import Settings, load_settings
from crossfade.sources.importing import import_files
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import simulate

# A small champion: what it sees drifts as what a large one sees does.
SETTINGS: Final[Settings] = load_settings(
    None,
    [
        "privacy.pseudonymise=false",
        "two_tower.epochs=2",
        "two_tower.dim=16",
        "index.backend=exact",
        "ranking.num_trees=40",
    ],
)


@dataclass(frozen=True)
class Town:
    """Where drift is looked for.

    Args:
        lake: Refreshed, with all days.
        workspace: Its champion knows the first of them; the bundle that was judged before it is there.
    """

    lake: Lake
    workspace: Workspace


def town(folder: Path, spec: TwinSpec, known_days: int, settings: Settings = SETTINGS) -> Town:
    """Import the first days, train on them as the pipeline does, then import the other ones.

    Args:
        folder: An empty one.
        spec: Whom to simulate.
        known_days: Days that the champion learns from.
        settings: Of lake and models.
    """
    twin = simulate(spec)
    lake = Lake.create(folder / "lake")
    known = pc.less(days_of(twin.events), known_days)
    _imported(lake, folder, "catalogue", twin.tracks, settings)
    _imported(lake, folder, "events", twin.events.filter(known), settings)
    refresh(lake, settings)
    workspace = Workspace.create(folder / "workspace")
    _promoted(lake, workspace, folder / "training", settings)
    _imported(lake, folder, "events", twin.events.filter(pc.invert(known)), settings)
    refresh(lake, settings)
    return Town(lake, workspace)


def _promoted(lake: Lake, workspace: Workspace, folder: Path, settings: Settings) -> None:
    """Train what would be judged, then what is published, and make that the champion without judging it."""
    dataset, ranker, *fitted = (folder / name for name in ("dataset", "ranker", "validation", "test", "end"))
    make_dataset(lake, settings).save(dataset)
    before = None
    for sources in fitted:
        fit_sources(dataset, sources, until=sources.name, settings=settings, warm_start=before)
        before = sources
    fit_ranker(dataset, fitted[0], ranker, settings)
    made: list[str] = []
    for sources in fitted[1:]:
        until, lineage = sources.name, {"parents": made[-1:]}
        bundle = build_bundle(
            dataset, sources, ranker, workspace.bundles, until=until, settings=settings, lineage=lineage
        )
        made.append(bundle.name)
    workspace.promote(made[-1], reason="Without drift.", run_id="training", evaluation={})


def _imported(lake: Lake, folder: Path, source: str, table: pa.Table, settings: Settings) -> None:
    path = folder / f"{source}.parquet"
    pq.write_table(table, path)
    import_files(lake, source, [path], settings=settings)
