"""A small lake of simulated listeners and settings with which all steps on it take seconds."""

from pathlib import Path
from typing import Final

from crossfade.lake.lake import Lake
from crossfade.schema.settings import Settings, load_settings
from crossfade.sources.importing import import_files
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import simulate

SET: Final = (
    "two_tower.epochs=1",
    "two_tower.dim=16",
    "index.backend=exact",
    "ranking.num_trees=20",
    "sources.candidates=150",
    "sources.per_source=100",
    "evaluation.bootstrap_samples=50",
    "weekly.users_per_shard=100",
)
SETTINGS: Final[Settings] = load_settings(None, SET)


def fill(lake: Lake, users: int, tracks: int, days: int, scratch: Path) -> None:
    """Import simulated listeners into a lake."""
    simulate(TwinSpec(users, tracks, days, seed=3)).write(scratch)
    for source in ("catalogue", "artists", "users", "playlists", "events"):
        name = "tracks" if source == "catalogue" else source
        import_files(lake, source, [scratch / f"{name}.parquet"], settings=SETTINGS)
