"""The data that systems are compared on: files, a demo's lake, or simulated listeners."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa

from benchmarks.harness import Options
from crossfade.evaluation.popularity import Bools
from crossfade.evaluation.trial import Trial, read_trial
from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.schema.ids import NO_ROW
from crossfade.schema.settings import Settings
from crossfade.sources.importing import import_files
from crossfade.twin.spec import TwinSpec
from crossfade.twin.twin import simulate

WHOLE: Final = TwinSpec(num_users=3000, num_tracks=8000)
QUICK: Final = TwinSpec(num_users=400, num_tracks=1500, num_days=42)


def load_trial(options: Options, settings: Settings) -> Trial:
    """Read files or the lake of a demo's directory, or simulate listeners.

    Raises:
        InputError: Files cannot be read, or the directory holds no lake.
        TrainingError: There is not enough to split.
    """
    if options.directory is not None:
        return Trial.of(make_dataset(Lake.open(options.directory / "lake"), settings))
    with TemporaryDirectory() as folder:
        if options.files is not None:
            return read_trial(options.files, Path(folder), settings)
        return Trial.of(simulated(QUICK if options.quick else WHOLE, Path(folder), settings))


def known_tracks(trial: Trial) -> Trial:
    """Return a trial without the tracks that nobody is taken to have heard, in catalogue, interactions and playlists.

    A catalogue that was gathered from listens holds a track that is new in the test period only because somebody
    plays it then: its presence alone gives the answer away to whoever can rank tracks without listens.
    """
    acts, start = trial.judged.interactions, trial.judged.split.test_start
    known = acts.track_rows[acts.seconds < start]
    is_heard = np.bincount(known, minlength=len(trial.judged.catalogue)) > 0
    return replace(
        trial, tuning=_only_tracks(trial.tuning, is_heard), judged=_only_tracks(trial.judged, is_heard)
    )


def _only_tracks(dataset: Dataset, kept: Bools) -> Dataset:
    rows = np.where(kept, np.cumsum(kept) - 1, NO_ROW).astype(np.int32)
    acts = dataset.interactions.where(kept[dataset.interactions.track_rows])
    return replace(
        dataset,
        catalogue=Catalogue(dataset.catalogue.table.filter(pa.array(kept)).combine_chunks()),
        interactions=replace(acts, track_rows=rows[acts.track_rows]),
        playlists=dataset.playlists.renumbered(rows),
    )


def simulated(spec: TwinSpec, directory: Path, settings: Settings) -> Dataset:
    """Simulate listeners and read them as they would be imported; `twin/` in the directory keeps their true tastes."""
    lake = Lake.create(directory / "lake")
    for path in simulate(spec).write(directory / "twin"):
        source = "catalogue" if path.stem == "tracks" else path.stem
        import_files(lake, source, [path], settings=settings)
    refresh(lake, settings.with_own_ids())
    return make_dataset(lake, settings)
