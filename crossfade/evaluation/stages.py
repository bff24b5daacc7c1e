"""Steps of the training pipeline: judge a bundle with its baselines, and decide on it."""

from pathlib import Path

import numpy as np

from crossfade.evaluation.baselines import ARTIST_POPULARITY, POPULARITY, artist_popularity, popularity
from crossfade.evaluation.decision import Decision
from crossfade.evaluation.evaluate import Recommend, evaluate, unheard
from crossfade.evaluation.gate import decide
from crossfade.evaluation.lineage import require_unseen
from crossfade.evaluation.samples import sample_playlists, save_samples
from crossfade.evaluation.suite import RANKING, RECOMMENDER, UNEXPLORED, Suite
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.features.translation import Translation
from crossfade.recommender.manifest import read_manifest
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.retrieval.contract import Ranking, Retriever
from crossfade.schema.columns import RETRIEVAL_SOURCES
from crossfade.schema.settings import Settings
from crossfade.schema.tables import Surface


def evaluate_bundle(dataset_dir: Path, bundle_dir: Path, directory: Path, settings: Settings) -> Suite:
    """Judge a bundle on the dataset's test period and write everything that the gate and the report read.

    The whole recommender (Discover Weekly, exploring as it is served), the same without exploration, its ranking
    before the policy, each of its sources alone, popularity and artist popularity are judged on the same users.
    Histories come from the dataset as of the start of the test, never from the bundle.

    Args:
        dataset_dir: What `Dataset.save` wrote.
        bundle_dir: The bundle; its catalogue may be another than the dataset's, tracks are matched by id.
        directory: Where evaluations, `summary.json` and `samples.json` are written.
        settings: Of evaluation and seed.

    Raises:
        InputError: The bundle was trained on the test period.
        TrainingError: There is nobody to test on.
    """
    dataset = Dataset.load(dataset_dir)
    require_unseen(read_manifest(bundle_dir), dataset.split.test_start)
    truth = Truth.of(dataset, dataset.split.test_start, dataset.split.end, settings)
    recommender = Recommender.load(bundle_dir)
    suite = judge(recommender, dataset, truth, settings)
    suite.save(directory)
    translated = Translation(dataset, recommender.dataset).into_bundle(truth.queries)
    samples = sample_playlists(recommender, translated, truth, settings.evaluation.k)
    save_samples(samples, directory)
    return suite


def judge(recommender: Recommender, dataset: Dataset, truth: Truth, settings: Settings) -> Suite:
    """Judge a loaded recommender, its sources alone and the baselines on one truth."""
    translation = Translation(dataset, recommender.dataset)
    systems: dict[str, Recommend] = {
        POPULARITY: popularity(truth.popularity),
        ARTIST_POPULARITY: artist_popularity(truth.catalogue, truth.popularity),
    }
    for name in (name for name in reversed(RETRIEVAL_SOURCES) if name in recommender.sources.retrievers):
        retriever = recommender.sources.retrievers[name]
        systems[name] = source_alone(retriever, translation, len(recommender.catalogue))
    systems[RANKING] = before_policy(recommender, translation)
    if recommender.policies[Surface.DISCOVER_WEEKLY].explore_places:
        systems[UNEXPLORED] = whole(recommender.without_exploration(), translation)
    systems[RECOMMENDER] = whole(recommender, translation)
    digests = {RECOMMENDER: {"bundle": recommender.digest, "model": recommender.model}}
    judged = {
        name: evaluate(name, recommend, truth, settings, **digests.get(name, {}))
        for name, recommend in systems.items()
    }
    about = {
        "num_eligible": truth.num_eligible,
        "num_tracks": len(truth.catalogue),
        "start": dataset.split.test_start,
        "end": dataset.split.end,
    }
    return Suite(judged, truth.popularity.shares_by_listeners(truth.track_rows).tolist(), about)


def whole(
    recommender: Recommender, translation: Translation, surface: Surface = Surface.DISCOVER_WEEKLY
) -> Recommend:
    """Return the whole recommender on a surface, asked as the weekly batch or the server asks it."""

    def recommend(queries: Queries, k: int) -> Ranking:
        requests = Requests.of(translation.into_bundle(queries), surface, k)
        slates = recommender.recommend(requests)
        return translation.out_of_bundle(slates.rows), slates.scores

    return recommend


def before_policy(
    recommender: Recommender, translation: Translation, surface: Surface = Surface.DISCOVER_WEEKLY
) -> Recommend:
    """Return the ranker's own order, which shows what the policy's caps and mixes cost."""

    def recommend(queries: Queries, k: int) -> Ranking:
        requests = Requests.of(translation.into_bundle(queries), surface, k)
        ranked = recommender.rank(requests, recommender.exclusions(requests))
        best = np.argsort(-ranked.scores, axis=1, kind="stable")[:, :k]
        rows = np.take_along_axis(ranked.candidates.rows, best, axis=1)
        return translation.out_of_bundle(rows), np.take_along_axis(ranked.scores, best, axis=1)

    return recommend


def source_alone(retriever: Retriever, translation: Translation, num_tracks: int) -> Recommend:
    """Return one source of a bundle, asked for enough more that k unheard tracks are left."""
    return unheard(with_repeats(retriever, translation), num_tracks)


def with_repeats(retriever: Retriever, translation: Translation) -> Recommend:
    """Return one source of a bundle as it answers: what was heard may come again."""

    def recommend(queries: Queries, k: int) -> Ranking:
        rows, scores = retriever.recommend(translation.into_bundle(queries), k)
        return translation.out_of_bundle(rows), scores

    return recommend


def gate_bundles(
    challenger_dir: Path, champion_dir: Path | None, path: Path, settings: Settings, *, reigning: str
) -> Decision:
    """Decide between two evaluations and write the decision as JSON.

    Args:
        challenger_dir: What `evaluate_bundle` wrote for the challenger.
        champion_dir: ... for the champion's comparable bundle on the same dataset; None for the first model,
            or when none of the champion's family can be judged on this test period.
        path: The JSON file.
        settings: Of the gate.
        reigning: Digest of the champion, "" when there is none yet; with one but without `champion_dir` the
            challenger is refused.

    Raises:
        InputError: The two were not judged on the same users.
    """
    challenger = Suite.load(challenger_dir)
    champion = Suite.load(champion_dir).recommender if champion_dir else None
    popularity = challenger.systems[POPULARITY]
    decision = decide(challenger.recommender, champion, popularity, settings.gate, reigning=reigning)
    decision.save(path)
    return decision
