"""Our own systems, trained on a trial with the settings as they are: each source alone, the ranking, the whole."""

from pathlib import Path
from typing import Final

from crossfade.evaluation.baselines import ARTIST_POPULARITY, POPULARITY, artist_popularity, popularity
from crossfade.evaluation.evaluate import Recommend, unheard
from crossfade.evaluation.stages import before_policy, source_alone, whole
from crossfade.evaluation.suite import RANKING, RECOMMENDER
from crossfade.evaluation.trial import Trial
from crossfade.evaluation.truth import Truth
from crossfade.features.translation import Translation
from crossfade.recommender.fit import build_bundle, fit_ranker, fit_sources
from crossfade.recommender.recommend import Recommender
from crossfade.retrieval.contract import RETRIEVERS
from crossfade.retrieval.sources import unfitted
from crossfade.schema import columns as c
from crossfade.schema.settings import Settings

# They answer other questions than what a listener will discover: what comes next, and what is new.
OF_OTHER_TASKS: Final = (c.SASREC, c.GRU4REC, c.SESSION_KNN, c.TRANSITIONS, c.REPLAYS, c.RELEASES)
OURS: Final = (RANKING, RECOMMENDER)  # judged against all others; sources alone are parts of them


def baselines(truth: Truth) -> dict[str, Recommend]:
    """Return the systems that need no model."""
    return {
        POPULARITY: popularity(truth.popularity),
        ARTIST_POPULARITY: artist_popularity(truth.catalogue, truth.popularity),
    }


def our_systems(trial: Trial, directory: Path, settings: Settings) -> dict[str, Recommend]:
    """Train as the pipeline does, up to the test period, and return every source alone, the ranking and the whole.

    A source that is not among the default ones is fitted alone; the sources of the radio and new releases are left out.

    Args:
        trial: With its split.
        directory: An empty one for datasets, models and the bundle.
        settings: Of the training.
    """
    recommender = Recommender.load(trained_bundle(trial, directory, settings))
    translation = Translation(trial.judged, recommender.dataset)
    known = trial.judged.until(trial.judged.split.test_start)
    num_tracks = len(trial.judged.catalogue)
    systems: dict[str, Recommend] = {}
    for name in (name for name in RETRIEVERS if name not in OF_OTHER_TASKS):
        if name in recommender.sources.retrievers:
            systems[name] = source_alone(recommender.sources.retrievers[name], translation, num_tracks)
        else:
            systems[name] = unheard(unfitted(name, settings).fit(known).recommend, num_tracks)
    return {
        **systems,
        RANKING: before_policy(recommender, translation),
        RECOMMENDER: whole(recommender, translation),
    }


def trained_bundle(trial: Trial, directory: Path, settings: Settings) -> Path:
    """Return a bundle that knows everything that test users are taken to know; the ranker learns on validation."""
    tuning, judged, early, late, ranker = (
        directory / name for name in ("tuning", "judged", "until_validation", "until_test", "ranker")
    )
    trial.tuning.save(tuning)
    trial.judged.save(judged)
    fit_sources(tuning, early, until="validation", settings=settings, warm_start=None)
    fit_ranker(tuning, early, ranker, settings)
    fit_sources(judged, late, until="test", settings=settings, warm_start=early)
    bundles = directory / "bundles"
    return build_bundle(judged, late, ranker, bundles, until="test", settings=settings, lineage={})
