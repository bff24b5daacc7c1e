"""A small refreshed lake of simulated listeners, and a workspace whose champion learnt from its first weeks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.drift.planting import Planted
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings, load_settings
from crossfade.sources.importing import import_files
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import simulate

SPEC = TwinSpec(num_users=300, num_tracks=600, num_days=30, seed=5, listens_per_day=6.0)
REFERENCE_DAYS = 28
SETTINGS: Settings = load_settings(
    None, ["drift.groups=3", "drift.reference_weeks=4", "privacy.pseudonymise=false"]
)


@dataclass(frozen=True)
class Drifted:
    """Where drift is looked for."""

    lake: Lake
    workspace: Workspace


def drifted(directory: Path, planted: Planted | None = None, days: Sequence[int] = (28, 29)) -> Drifted:
    """Make the lake with drift planted into some days, from 0, after its champion's window."""
    import numpy as np

    twin = simulate(SPEC)
    events, tracks = twin.events, twin.tracks
    if planted is not None:
        day_of = pc.cast(events.column(c.TIMESTAMP), pa.date32())
        chosen = pc.is_in(day_of, pa.array([SPEC.start + timedelta(days=day) for day in days]))
        changed, tracks = planted.plant(events.filter(chosen), tracks, np.random.default_rng(1))
        events = pa.concat_tables([events.filter(pc.invert(chosen)), changed])
    lake = Lake.create(directory / "lake")
    for source, table in (("catalogue", tracks), ("events", events)):
        pq.write_table(table, directory / f"{source}.parquet")
        import_files(lake, source, [directory / f"{source}.parquet"], settings=SETTINGS)
    refresh(lake, SETTINGS)
    workspace = Workspace.create(directory / "workspace")
    promote(workspace, lake)
    return Drifted(lake, workspace)


def promote(workspace: Workspace, lake: Lake, /, **changes: object) -> str:
    """Make a bundle the champion that learnt from the first weeks of the lake as it stands; it holds nothing else."""
    start = datetime(SPEC.start.year, SPEC.start.month, SPEC.start.day, tzinfo=UTC)
    end = start + timedelta(days=REFERENCE_DAYS)
    window = {"start": int(start.timestamp()), "end": int(end.timestamp()), "until": "end"}
    split = dict.fromkeys(("validation_start", "test_start", "end"), window["end"])
    about = {
        "lake": lake.id,
        "lake_versions": lake.versions(),
        "window": {**window, "split": {**split, "has_time": True}},
        "metrics": {"index_recall": 0.97},
        "parents": [],
        **changes,
    }
    bundle = write_bundle(workspace.bundles, lambda _: None, about).name
    workspace.promote(bundle, reason="Planted.", run_id=f"run-{bundle}", evaluation={})
    return bundle
