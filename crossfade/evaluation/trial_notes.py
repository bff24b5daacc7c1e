"""What is to be said of a trial besides its figures: how it is split, and what its data switches off."""

from collections.abc import Iterator

import numpy as np

from crossfade.evaluation.trial import Trial
from crossfade.features.dataset import Dataset
from crossfade.retrieval.sources import asks_pair_sources
from crossfade.schema.columns import PAIR_SOURCES
from crossfade.schema.settings import Settings


def described(trial: Trial, settings: Settings) -> list[str]:
    """Say, one line each, how a trial is split and what its data switches off."""
    return [*trial.notes, *_split_lines(trial), *_lacks(trial.judged, settings)]


def _split_lines(trial: Trial) -> Iterator[str]:
    dataset, split = trial.judged, trial.judged.split
    acts = dataset.interactions
    counts = np.bincount(
        np.searchsorted(
            [split.validation_start, split.test_start], trial.tuning.interactions.seconds, side="right"
        ),
        minlength=3,
    )
    kind = "by time" if split.has_time else "without times"
    yield f"{len(dataset.users):,} users, {len(dataset.catalogue):,} tracks; split {kind}: " + (
        f"{counts[0]:,} training, {counts[1]:,} validation and {counts[2]:,} test interactions"
    )
    before, after = acts.seconds < split.test_start, acts.seconds >= split.test_start
    test_users = np.unique(acts.user_rows[after])
    if strangers := len(np.setdiff1d(test_users, acts.user_rows[before])):
        yield (
            f"{strangers:,} of {len(test_users):,} users with test interactions have no training data: they are judged, too"
        )
    tested = np.unique(acts.track_rows[after])
    if new := len(np.setdiff1d(tested, acts.track_rows[before])):
        yield f"{new:,} of {len(tested):,} test tracks are in no training interaction: they are ranked, too"
    width = max(len(dataset.catalogue), 1)
    pairs = acts.user_rows.astype(np.int64) * width + acts.track_rows
    wanted = np.unique(pairs[after & acts.positive])
    if repeats := len(np.intersect1d(wanted, pairs[before])):
        yield f"{repeats:,} of {len(wanted):,} test pairs of user and track are known from training: masked, not judged"


def _lacks(dataset: Dataset, settings: Settings) -> Iterator[str]:
    acts, catalogue = dataset.interactions, dataset.catalogue
    if not dataset.split.has_time:
        yield "no usable times: recency, age of tracks and playlists are switched off"
    if len(np.unique(acts.sessions)) == len(acts):
        yield "no sessions of more than one interaction: what follows within a session is switched off"
    if not len(catalogue.artists):
        yield "no artists: artist features, artist caps and artist sources are switched off"
    if not len(catalogue.genres):
        yield "no genres: genre features and the calibrated mix are switched off"
    if not len(dataset.users.countries):
        yield "no countries: popularity by country is switched off"
    if asks_pair_sources(dataset, settings.sources):
        yield f"besides the other sources, {' and '.join(PAIR_SOURCES)} are asked"
    if len(catalogue) <= settings.sources.candidates:
        yield f"{len(catalogue):,} tracks are no more than sources.candidates: every track is a candidate"
