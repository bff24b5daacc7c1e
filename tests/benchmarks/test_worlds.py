"""A benchmark's world is a twin's: its rows are the truth's rows, and other listening is refused."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import worlds
from benchmarks.harness import Options
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import default_settings
from crossfade.sources.importing import import_files
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import simulate

SETTINGS = default_settings()


def demo_of(directory: Path, spec: TwinSpec) -> None:
    """Import a twin as the demo does."""
    lake = Lake.create(directory / "lake")
    for path in simulate(spec).write(directory / "data"):
        source = "catalogue" if path.stem == "tracks" else path.stem
        import_files(lake, source, [path], settings=SETTINGS)
    refresh(lake, SETTINGS)


def test_users_and_tracks_have_the_truths_rows(tmp_path: Path) -> None:
    demo_of(tmp_path, TwinSpec(num_users=60, num_tracks=120, num_days=28))
    world = worlds.twin_world(Options(directory=tmp_path), tmp_path / "unused", SETTINGS)
    acts = world.dataset.interactions
    loved = world.truth.affinity(acts.user_rows, acts.track_rows)
    strangers = world.truth.affinity(np.roll(acts.user_rows, 1_000), acts.track_rows)
    assert loved.mean() > strangers.mean() + 0.1
    simulate(TwinSpec(num_users=61, num_tracks=120, num_days=28)).write(tmp_path / "data")
    with pytest.raises(
        NotFoundError, match="has 60 users and 120 tracks, which are not those of the twin beside it"
    ):
        worlds.twin_world(Options(directory=tmp_path), tmp_path / "unused", SETTINGS)
