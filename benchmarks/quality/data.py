"""The data that systems are compared on: a demo's lake, or a simulated one."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa

from benchmarks.harness import Options
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.schema.settings import Settings
from crossfade.sources.importing import import_files
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import simulate

WHOLE: Final = TwinSpec(num_users=3000, num_tracks=8000)
QUICK: Final = TwinSpec(num_users=400, num_tracks=1500, num_days=42)


def load_dataset(options: Options, settings: Settings) -> Dataset:
    """Read the lake of a demo's directory, or simulate listeners.

    Raises:
        NotFoundError: The directory holds no lake.
    """
    if options.directory is not None:
        return make_dataset(Lake.open(options.directory / "lake"), settings)
    with TemporaryDirectory() as folder:
        return simulated(QUICK if options.quick else WHOLE, Path(folder), settings)


def known_before(dataset: Dataset, moment: int) -> Dataset:
    """Return a dataset without the tracks that nobody had heard before a moment, in catalogue and interactions.

    A catalogue that was gathered from listens holds a track that is new in the test period only because somebody
    plays it then: its presence alone gives the answer away to whoever can rank tracks without listens.

    Args:
        dataset: Any.
        moment: UTC seconds.
    """
    acts = dataset.interactions
    heard = np.bincount(acts.track_rows[acts.seconds < moment], minlength=len(dataset.catalogue)) > 0
    rows, kept = (np.cumsum(heard) - 1).astype(np.int32), acts.where(heard[acts.track_rows])
    return replace(
        dataset,
        catalogue=Catalogue(dataset.catalogue.table.filter(pa.array(heard)).combine_chunks()),
        interactions=replace(kept, track_rows=rows[kept.track_rows]),
    )


def simulated(spec: TwinSpec, directory: Path, settings: Settings) -> Dataset:
    """Simulate listeners and read them as they would be imported."""
    lake = Lake.create(directory / "lake")
    for path in simulate(spec).write(directory / "twin"):
        source = "catalogue" if path.stem == "tracks" else path.stem
        import_files(lake, source, [path], settings=settings)
    refresh(lake, settings)
    return make_dataset(lake, settings)
