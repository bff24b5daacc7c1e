"""Our own systems with their default settings: the whole recommender, and sources alone."""

from pathlib import Path

from crossfade.evaluation.evaluate import Recommend
from crossfade.evaluation.stages import before_policy, source_alone, whole
from crossfade.evaluation.suite import RANKING, RECOMMENDER
from crossfade.evaluation.translation import Translation
from crossfade.features.dataset import Dataset
from crossfade.recommender.fit import build_bundle, fit_ranker, fit_sources
from crossfade.recommender.recommend import Recommender
from crossfade.schema.columns import ITEM_KNN, TWO_TOWER
from crossfade.schema.settings import Settings


def our_systems(dataset: Dataset, directory: Path, settings: Settings) -> dict[str, Recommend]:
    """Train as the pipeline does, up to the test period, and return sources alone, the ranking and the whole.

    Args:
        dataset: With its split.
        directory: An empty one for datasets, models and the bundle.
        settings: Of the training.
    """
    recommender = Recommender.load(trained_bundle(dataset, directory, settings))
    translation = Translation.of(dataset, recommender.dataset)
    sources = recommender.sources.retrievers
    return {
        **{
            name: source_alone(sources[name], translation, len(dataset.catalogue))
            for name in (ITEM_KNN, TWO_TOWER)
        },
        RANKING: before_policy(recommender, translation),
        RECOMMENDER: whole(recommender, translation),
    }


def trained_bundle(dataset: Dataset, directory: Path, settings: Settings) -> Path:
    """Return a bundle that knows everything before the test period."""
    dataset_dir, early, late = (directory / name for name in ("dataset", "until_validation", "until_test"))
    dataset.save(dataset_dir)
    fit_sources(dataset_dir, early, until="validation", settings=settings, warm_start=None)
    fit_ranker(dataset_dir, early, directory / "ranker", settings)
    fit_sources(dataset_dir, late, until="test", settings=settings, warm_start=early)
    return build_bundle(
        dataset_dir,
        late,
        directory / "ranker",
        directory / "bundles",
        until="test",
        settings=settings,
        lineage={},
    )
