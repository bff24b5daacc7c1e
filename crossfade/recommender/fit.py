"""The stages of training, one function a pipeline step: sources, ranker, bundle.

Sources are fitted three times on one dataset, until three moments of its split: "validation" (for the ranker,
which learns from what they return for the validation period), "test" (for the evaluation) and "end" (for what
is published). The same rankers serve the other two.
"""

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset, Split
from crossfade.features.interactions import Queries
from crossfade.features.playlists import Playlists
from crossfade.features.statistics import Statistics
from crossfade.ranking.contract import Ranker, unfitted_ranker
from crossfade.ranking.labels import examples, next_track_examples
from crossfade.ranking.objective import Objective
from crossfade.ranking.training import Graded, TrainingRows, nothing_to_learn, training_rows
from crossfade.recommender import bundle
from crossfade.recommender.filters import Exclusions
from crossfade.recommender.manifest import CODE_VERSION
from crossfade.recommender.other_policy import CHANGES
from crossfade.recommender.requests import Requests
from crossfade.recommender.surfaces import default_policies, write_policies
from crossfade.retrieval.sources import Sources
from crossfade.retrieval.two_tower_learnt import CURVE
from crossfade.schema.code import VERSION
from crossfade.schema.columns import TWO_TOWER
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import DivergedError, InputError, TrainingError
from crossfade.schema.settings import Settings
from crossfade.schema.tables import Surface
from crossfade.schema.tasks import DISCOVERY, NEXT_TRACK, Task

logger = logging.getLogger(__name__)

ABOUT: Final = "fit.json"
DIVERGED: Final = "diverged"
VALIDATION: Final = "validation"
UNTIL: Final = (VALIDATION, "test", "end")
# What a bundle keeps of each epoch: no clock times, so that equal inputs give equal bundles.
EPOCH: Final = ("epoch", "loss", "validation_recall")

About = Mapping[str, Any]


def moment_of(split: Split, until: str) -> int:
    """Return the UTC seconds before which a fit "until" a part of the split may know.

    Raises:
        InputError: `until` is not one of "validation", "test" and "end".
    """
    if until not in UNTIL:
        raise InputError(f"until={until!r} is not a part of the split; choose one of: {', '.join(UNTIL)}.")
    return {VALIDATION: split.validation_start, "test": split.test_start, "end": split.end}[until]


def fit_sources(
    dataset_dir: Path, directory: Path, *, until: str, settings: Settings, warm_start: Path | None = None
) -> None:
    """Fit every retrieval source on what happened before a moment of the split, and save them.

    Args:
        dataset_dir: Of `Dataset.save`.
        directory: Written to, emptied first.
        until: "validation", "test" or "end".
        settings: Of the sources and the seed.
        warm_start: Earlier sources of the same dataset; the two-tower starts from theirs.

    Raises:
        InputError: `until` is none of the three.
        TrainingError: There is nothing to learn from, or a source cannot be fitted. Where the two-tower's loss is not
            finite any more, the batch and the last good towers stand in `diverged/` of the directory.
    """
    dataset = Dataset.load(dataset_dir)
    moment = moment_of(dataset.split, until)
    known = dataset.until(moment)
    if not known.interactions.positive.any():
        raise TrainingError(
            f"Sources need positive listens until {until!r} (UTC second {moment}); there are none in "
            f"{len(known.interactions)} interactions. Import more listening or shorten split.test_days and "
            "split.validation_days."
        )
    earlier = Sources.load(warm_start, dataset.catalogue) if warm_start else None
    try:
        sources = Sources.fit(known, settings, earlier)
    except DivergedError as error:
        error.keep(directory / DIVERGED)
        raise TrainingError(f"{error} Batch and checkpoint are kept in {directory / DIVERGED}.") from error
    _empty(directory)
    sources.save(directory)
    two_tower = sources.two_tower
    index = two_tower.index_
    metrics: dict[str, Any] = {"index_recall": index.recall_, "index_is_exact": index.is_exact}
    metrics["track_vectors"] = two_tower.cold_.origins.counts()
    metrics["two_tower"] = [{name: epoch[name] for name in EPOCH} for epoch in two_tower.history_]
    _write_about(directory, {"until": until, "moment": moment, "metrics": metrics})


def fit_ranker(dataset_dir: Path, sources_dir: Path, directory: Path, settings: Settings) -> None:
    """Fit the rankers on what sources that have not seen the validation period return for it, and save them.

    One learns to discover: tracks that users went on to want on later days. The radio's learns the next track of each
    session, repeats included; where there are no sessions to learn from, the radio does with the other one.

    Where nobody wanted anything of that, which small or sparse data may bring about, the ranker keeps the sources' order.

    Args:
        dataset_dir: Of `Dataset.save`.
        sources_dir: Of `fit_sources`, until "validation".
        directory: Written to, emptied first.
        settings: Of the ranker, the sources and the seed.

    Raises:
        InputError: The sources know the validation period.
    """
    dataset = Dataset.load(dataset_dir)
    _require_until(sources_dir, VALIDATION)
    period = dataset.split.validation_start, dataset.split.test_start
    sources = Sources.load(sources_dir, dataset.catalogue)
    statistics = Statistics.of(dataset, dataset.split.validation_start)
    objective = Objective(settings.ranking.objective)
    limits: dict[str, Any] = {
        "max_users": settings.ranking.max_users,
        "seed": settings.seed,
        "objective": objective,
    }

    def fit(graded: Sequence[Graded], task: Task, surface: Surface) -> tuple[Ranker, TrainingRows]:
        excluded_of = _filter_of(surface, dataset.catalogue)
        rows = training_rows(
            graded, sources, statistics, settings.sources, excluded_of, task=task, seed=settings.seed
        )
        logger.info("The ranker of %s learns from %d candidates.", task.name, len(rows.labels))
        learnt = rows
        if task is DISCOVERY and not len(rows.labels):
            logger.warning(
                "No user wanted a candidate of the validation period: the sources' order alone ranks."
            )
            learnt = nothing_to_learn(task)
        ranker = unfitted_ranker(settings, task)
        ranker.fit(learnt.features, learnt.labels, learnt.group_sizes, learnt.user_rows)
        return ranker, rows

    ranker, rows = fit(examples(dataset, *period, **limits), DISCOVERY, Surface.DISCOVER_WEEKLY)
    _empty(directory)
    ranker.save(directory)
    metrics = _metrics_of("ranker", rows)
    try:
        radio, rows = fit(next_track_examples(dataset, *period, **limits), NEXT_TRACK, Surface.RADIO)
    except TrainingError as error:
        logger.warning("The radio has no ranker of its own: %s", error)
    else:
        radio.save(directory / bundle.RADIO)
        metrics |= _metrics_of("radio_ranker", rows)
    _write_about(directory, {"metrics": metrics})


def _filter_of(surface: Surface, catalogue: Catalogue) -> Callable[[Queries], Exclusions]:
    policy = default_policies()[surface]
    return lambda queries: Exclusions(Requests.of(queries, surface, policy.k), policy, catalogue)


def _metrics_of(name: str, rows: TrainingRows) -> dict[str, int]:
    return {
        f"{name}_users": len(np.unique(rows.user_rows)),
        f"{name}_queries": len(rows.group_sizes),
        f"{name}_rows": len(rows.labels),
    }


def build_bundle(
    dataset_dir: Path,
    sources_dir: Path,
    ranker_dir: Path,
    bundles_dir: Path,
    *,
    until: str,
    settings: Settings,
    lineage: About,
) -> Path:
    """Put everything that a recommender needs into one directory named by its digest.

    Args:
        dataset_dir: Of `Dataset.save`.
        sources_dir: Of `fit_sources`, until the same moment.
        ranker_dir: Of `fit_ranker`.
        bundles_dir: Where bundles stand.
        until: "test" or "end" (or "validation"): what the bundle knows of listening.
        settings: That everything was fitted with; the bundle keeps those that shape the model.
        lineage: Goes into the manifest: `parents` (digests of earlier bundles), and `policy_changes` where the champion's
            policies are not the default ones, JSON-able.

    Returns:
        The bundle's directory; equal inputs give the same.

    Raises:
        InputError: `until` is none of the three, or the sources were fitted until another.
    """
    dataset = Dataset.load(dataset_dir)
    moment = moment_of(dataset.split, until)
    fitted = _require_until(sources_dir, until)
    known = dataset.until(moment)

    def fill(directory: Path) -> None:
        replace(known, playlists=Playlists.none()).save(
            directory
        )  # answers do not read them, and titles are people's words
        Statistics.of(known, moment).save(directory)
        shutil.copytree(sources_dir, directory / bundle.SOURCES, ignore=shutil.ignore_patterns(ABOUT))
        _drop_clock(directory / bundle.SOURCES / TWO_TOWER / CURVE)
        shutil.copytree(ranker_dir, directory / bundle.RANKER)
        write_policies(directory / bundle.POLICIES, lineage.get(CHANGES, {}))
        (directory / bundle.SETTINGS).write_text(
            yaml.safe_dump(settings.of_model(), sort_keys=False), "utf-8"
        )

    first = int(known.interactions.seconds.min(initial=moment))
    about = {
        CODE_VERSION: VERSION,
        "lake": dataset.lake,
        "lake_versions": dataset.lake_versions,
        "window": {"start": first, "end": moment, "until": until, "split": asdict(dataset.split)},
        "seeds": {"seed": settings.seed},
        "settings": settings.of_model(),
        "metrics": {**fitted["metrics"], **_read_about(ranker_dir)["metrics"]},
        "parents": [],
    }
    return bundle.write_bundle(bundles_dir, fill, {**about, **lineage})


def _require_until(sources_dir: Path, until: str) -> About:
    about = _read_about(sources_dir)
    if about["until"] != until:
        raise InputError(
            f"{sources_dir} holds sources fitted until {about['until']!r}, but {until!r} is needed; fit them "
            f"again with until={until!r}."
        )
    return about


def _drop_clock(curve: Path) -> None:
    epochs = json.loads(curve.read_text("utf-8"))
    curve.write_text(json.dumps([{name: epoch[name] for name in EPOCH} for epoch in epochs]), "utf-8")


def _empty(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)


def _write_about(directory: Path, about: About) -> None:
    """Write `fit.json` last, so that a directory without it is not finished."""
    replace_file(directory / ABOUT, json.dumps(about, indent=2).encode())


def _read_about(directory: Path) -> About:
    try:
        about: About = json.loads((directory / ABOUT).read_text("utf-8"))
    except FileNotFoundError as error:
        message = f"{directory} is not finished: it has no {ABOUT}; run the step that writes it again."
        raise InputError(message) from error
    return about
