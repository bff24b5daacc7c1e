"""Any data set from files, split and ready to be trained and judged on: read by import into a lake of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from crossfade.features.dataset import Dataset
from crossfade.features.given_split import GivenLakes, make_given_dataset
from crossfade.features.make_dataset import make_dataset
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.schema.errors import InputError
from crossfade.schema.settings import Settings
from crossfade.sources.importing import ImportReport, import_files

Paths = Sequence[Path]

EVENTS: Final = "events"
TRAIN: Final = "train"
VALID: Final = "valid"
TEST: Final = "test"


class Mask(StrEnum):
    """What test users are taken to know: it is masked for every system, and final fits learn from it alone."""

    TRAIN = "train"
    TRAIN_VALID = "train+valid"


@dataclass(frozen=True)
class DataFiles:
    """Files in the canonical schema (Parquet, CSV or JSON Lines).

    Args:
        parts: Either "events" -> files, to be split by time or at random, or "train", "test" and if there is one "valid",
            a split as it is given.
        about: Source ("catalogue", "artists", "users", "playlists") -> files.
        mask: Of a given split.
    """

    parts: Mapping[str, Paths]
    about: Mapping[str, Paths] = field(default_factory=dict)
    mask: Mask = Mask.TRAIN

    @property
    def is_given(self) -> bool:
        """Whether the split is given."""
        return EVENTS not in self.parts


@dataclass(frozen=True)
class Trial:
    """A data set with its split, ready to be trained and judged on.

    Args:
        tuning: Training and validation interactions (and test ones, which nothing but the truth reads).
        judged: What final fits and histories know: the same, without the validation interactions where only training
            ones are masked. Users, tracks and split are those of `tuning`.
        notes: One line each on how it was read and split.
    """

    tuning: Dataset
    judged: Dataset
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: Dataset) -> "Trial":
        """Return a trial whose test users know all that comes before the test period."""
        return cls(dataset, dataset)


def read_trial(files: DataFiles, scratch: Path, settings: Settings) -> Trial:
    """Import files into lakes in a directory, and split.

    Args:
        files: What to read.
        scratch: An empty directory; the lakes are not needed afterwards.
        settings: `lake`, `split`, `seed` and `quality.max_quarantined_share` are read.

    Raises:
        InputError: A combination of files means nothing; a file is missing, empty or not of the schema; too many rows
            are refused.
        TrainingError: There is not enough to split.
    """
    _require_one_way(files)
    lakes: dict[str, Lake] = {}
    notes: list[str] = []
    for part, paths in files.parts.items():
        sources = {**(files.about if part in (EVENTS, TRAIN) else {}), "events": paths}
        lakes[part], told = _imported(scratch / part, part, sources, settings)
        notes += told
    told_once = tuple(dict.fromkeys(notes))
    if not files.is_given:
        dataset = make_dataset(lakes[EVENTS], settings)
        return Trial(dataset, dataset, told_once)
    given = GivenLakes(lakes[TRAIN], lakes[TEST], lakes.get(VALID))
    dataset = make_given_dataset(given, settings)
    judged = _masked(dataset, files)
    _require_new(judged)
    return Trial(dataset, judged, told_once)


def _require_one_way(files: DataFiles) -> None:
    named = {name for name, paths in files.parts.items() if paths}
    if named not in ({EVENTS}, {TRAIN, TEST}, {TRAIN, VALID, TEST}):
        got = ", ".join(f"--{name}" for name in files.parts if name in named) or "none of them"
        raise InputError(
            f"Name either --events, or --train and --test (and --valid if there is one); got {got}."
        )
    if files.mask is Mask.TRAIN_VALID and VALID not in named:
        raise InputError("--mask train+valid needs --valid FILE; without one use --mask train.")


def _imported(
    directory: Path, part: str, sources: Mapping[str, Paths], settings: Settings
) -> tuple[Lake, list[str]]:
    lake, notes = Lake.create(directory), []
    for source, paths in sources.items():
        report = import_files(lake, source, paths, settings=settings)
        _require_usable(report, settings.quality.max_quarantined_share)
        name = part if source == "events" else source
        notes += [f"{name}: {str(table).partition(': ')[2]}" for table in report.tables]
        notes += [*map(str, report.first_problems), *report.notes]
    # The lake goes away with the trial: a key would only draw users, and so figures, anew each time.
    refresh(lake, settings.with_own_ids())
    return lake, notes


def _require_usable(report: ImportReport, allowed: float) -> None:
    if report.quarantined_share > allowed:
        raise InputError(
            f"{report.rows_quarantined:,} of {report.rows_in:,} rows were refused ({report.quarantined_share:.2%}, "
            f"quality.max_quarantined_share allows {allowed:.2%}); the first: {report.first_problems[0]}. Mend them, or raise "
            "the setting."
        )


def _require_new(dataset: Dataset) -> None:
    """Refuse a split whose test part has nothing to be judged by."""
    acts, is_test = dataset.interactions, dataset.interactions.seconds >= dataset.split.test_start
    pairs = acts.user_rows.astype(np.int64) * len(dataset.catalogue) + acts.track_rows
    if np.isin(pairs[is_test & acts.positive], pairs[~is_test]).all():
        raise InputError(
            f"The {is_test.sum():,} rows of --test hold no pair of user and track that is liked there and not known from "
            "training, so there is nothing to judge by; name a test file that does not overlap with the training files."
        )


def _masked(dataset: Dataset, files: DataFiles) -> Dataset:
    """Leave the given validation interactions out where only training ones count as known."""
    if VALID not in files.parts or files.mask is Mask.TRAIN_VALID:
        return dataset
    split, acts = dataset.split, dataset.interactions
    is_validation = (acts.seconds >= split.validation_start) & (acts.seconds < split.test_start)
    return replace(dataset, interactions=acts.where(~is_validation))
