"""Playlists of a week: made by the weekly batch, read from the store, and written down as exposures when they are opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pyarrow as pa

from crossfade.experiments.participation import Participation
from crossfade.experiments.publishing import bundle_to_publish
from crossfade.recommender.other_policy import with_policy
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings, WeeklySettings
from crossfade.schema.tables import EVENTS, EventType, Surface
from crossfade.store.contract import StoredSlate, variant_surface
from crossfade.store.weekly import activate, generate_shard, plan_shards, publish, store_of
from crossfade.twin.draws import Ints
from crossfade.twin.tables import canonical, timestamps
from crossfade.twin.town import Town, Week

SURFACE: Final = Surface.DISCOVER_WEEKLY


@dataclass(frozen=True)
class Playlists:
    """What is on offer in a week.

    Args:
        rows: [num_users, k] int32 track rows of the twin, -1 padded.
        slates: Listener -> the slate as it is stored; who has none is missing.
        variants: Listener -> experiment and variant, of those who take part.
    """

    rows: Ints
    slates: dict[int, StoredSlate]
    variants: dict[int, tuple[str, str]]

    @classmethod
    def none(cls, num_users: int) -> "Playlists":
        """Return the playlists of before there were any."""
        return cls(np.empty((num_users, 0), np.int32), {}, {})


def make(
    workspace: Workspace, dataset_dir: Path, settings: Settings, participation: Participation | None
) -> None:
    """Run the weekly batch for everybody, and once more for each treatment of what runs."""
    variants = [""]
    if participation is not None:
        experiment = participation.experiment
        variants += [f"{experiment.metadata.name}.{name}" for name in experiment.spec.treatments]
    for variant in variants:
        weekly = settings.weekly.model_copy(update={"variant": variant})
        _published(workspace, dataset_dir, weekly, bundle_to_publish(workspace, variant))


def _published(workspace: Workspace, dataset_dir: Path, weekly: WeeklySettings, bundle: Path) -> None:
    shards = plan_shards(dataset_dir, bundle, workspace, weekly, SURFACE)
    for shard in shards:
        generate_shard(dataset_dir, bundle, workspace, weekly, shard)
    publish(workspace, weekly, SURFACE, shards[0].generation)
    activate(workspace, weekly, SURFACE, shards[0].generation)


def made_beside(
    champion: Path, dataset_dir: Path, settings: Settings, town: Town, changes: Mapping[str, Any]
) -> Playlists:
    """Return everybody's playlists by the champion's models and another policy, which nobody is shown."""
    with TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder))
        bundle = with_policy(champion, SURFACE, changes, workspace.bundles)
        _published(workspace, dataset_dir, settings.weekly, bundle)
        return read(workspace, town, None)


def read(workspace: Workspace, town: Town, participation: Participation | None) -> Playlists:
    """Read every listener's playlist as a gateway does: that of their variant, else everybody's."""
    store, found = store_of(workspace), Playlists.none(town.spec.num_users)
    readers: dict[str, Any] = {}
    tracks = {track: row for row, track in enumerate(town.tracks.column(c.TRACK_ID).to_pylist())}
    users = town.users.column(c.USER_ID).to_pylist()[: town.spec.num_users]
    for row, user in enumerate(users):
        variant = participation.variant(user, None) if participation else None
        surface = str(SURFACE)
        if participation is not None and variant is not None:
            name = participation.experiment.metadata.name
            found.variants[row] = (name, variant)
            if variant in participation.experiment.spec.treatments:
                surface = variant_surface(SURFACE, f"{name}.{variant}")
        if surface not in readers:
            readers[surface] = store.reader(surface)
        if (slate := readers[surface].get(user)) is not None:
            found.slates[row] = slate
    width = max((len(slate.track_ids) for slate in found.slates.values()), default=0)
    rows = np.full((town.spec.num_users, width), -1, np.int32)
    for row, slate in found.slates.items():
        rows[row, : len(slate.track_ids)] = [tracks[track] for track in slate.track_ids]
    return Playlists(rows, found.slates, found.variants)


def exposures(town: Town, week: Week, number: int, playlists: Playlists) -> pa.Table:
    """Return the events that a gateway writes when playlists are opened: a line for each track of each."""
    users = town.users.column(c.USER_ID).to_pylist()
    lines: list[dict[str, Any]] = []
    for place, (row, moment) in enumerate(zip(week.openers.tolist(), week.opened_ms.tolist(), strict=True)):
        slate = playlists.slates[row]
        experiment, variant = playlists.variants.get(row, (None, None))
        for position, track in enumerate(slate.track_ids):
            lines.append(
                {
                    c.EVENT_ID: f"exposure-w{number:03}-{place}-{position}",
                    c.USER_ID: users[row],
                    c.TRACK_ID: track,
                    "ms": moment,
                    c.SLATE_ID: f"slate-w{number:03}-{place}",
                    c.POSITION: position,
                    c.PROPENSITY: float(slate.propensities[position]),
                    c.EXPERIMENT: experiment,
                    c.VARIANT: variant,
                }
            )
    names = (c.EVENT_ID, c.USER_ID, c.TRACK_ID, c.SLATE_ID, c.POSITION, c.PROPENSITY, c.EXPERIMENT, c.VARIANT)
    columns: dict[str, Any] = {name: pa.array([line[name] for line in lines]) for name in names}
    columns |= {
        c.EVENT_TYPE: pa.array([str(EventType.EXPOSURE)] * len(lines)),
        c.SURFACE: pa.array([str(SURFACE)] * len(lines)),
        c.TIMESTAMP: timestamps(town.spec, np.array([line["ms"] for line in lines], np.int64)),
    }
    return canonical(EVENTS.schema, columns, len(lines))
