"""NDCG@30 for listeners with three listens against what is popular in their country and genres.

Half of the twin's listeners are cut down to their last three plays before the test period, for training too, and are asked
for as strangers; what they play and save in the test period is right, the three tracks themselves left out. The baseline
is the recommender's own source of popular tracks, which reads the same country and the same three listens. A second
comparison gives neither side listens: the recommender knows the three artists as picks, the baseline the country alone.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from benchmarks.harness import Bar, Options, Result
from benchmarks.ratios import ratio
from benchmarks.worlds import QUICK_TRAINING, twin_world
from crossfade.evaluation.evaluate import Recommend, evaluate
from crossfade.evaluation.stages import source_alone, whole
from crossfade.evaluation.suite import RECOMMENDER
from crossfade.evaluation.trained import trained_bundle
from crossfade.evaluation.trial import Trial
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.features.translation import Translation
from crossfade.recommender.onboarding import picks_of
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.retrieval.contract import Ranking
from crossfade.schema.columns import POPULAR
from crossfade.schema.ids import NO_ROW, Rows
from crossfade.schema.settings import load_settings
from crossfade.schema.tables import Surface

LISTENS: Final = 3
AT_LEAST: Final = 1.5
PICKS: Final = "picks"
COUNTRY: Final = "popular_in_country"
CUT_SHARE: Final = 0.5


def run(options: Options) -> Result:
    """Train on everybody else's listening and three listens each of those who are judged.

    Raises:
        NotFoundError: The directory holds no lake, or no truth.
        TrainingError: Nobody who was cut goes on to play something.
    """
    settings = load_settings(assignments=QUICK_TRAINING if options.quick else [])
    with TemporaryDirectory() as folder:
        whole_histories = twin_world(options, Path(folder), settings).dataset
        dataset, cut = with_cut_histories(whole_histories, settings.seed)
        recommender = Recommender.load(trained_bundle(Trial.of(dataset), Path(folder) / "training", settings))
        truth = _of_users(dataset, cut, settings)
        judged = {
            name: evaluate(name, system, truth, settings).metrics["ndcg"]
            for name, system in _systems(recommender, dataset).items()
        }
    figures: dict[str, Any] = {"quick": options.quick, "test_users": len(truth)}
    figures |= {f"{name}_ndcg": round(float(values.mean()), 5) for name, values in judged.items()}
    for name, (ours, theirs) in {"ratio": (RECOMMENDER, POPULAR), "picks_ratio": (PICKS, COUNTRY)}.items():
        mean, low, high = ratio(judged[ours], judged[theirs], settings)
        figures |= {name: round(mean, 4), f"{name}_low": round(low, 4), f"{name}_high": round(high, 4)}
    notes = [
        f"{len(truth):,} listeners cut to {LISTENS} plays and asked for as strangers; means of NDCG@30 over what they went "
        "on to play. `popular` knows country and genres of the three plays; `picks` knows their artists as picked when "
        "signing up and no play, `popular_in_country` the country alone.",
    ]
    return Result(figures, {"ratio": Bar(figures["ratio"], at_least=AT_LEAST)}, notes)


def with_cut_histories(dataset: Dataset, seed: int) -> tuple[Dataset, Rows]:
    """Cut half of the users down to their last three positive plays before the test period.

    Returns:
        The dataset without the rest of their earlier interactions, and the cut users [m] int32, who had more.
    """
    acts, start = dataset.interactions, dataset.split.test_start
    before = acts.seconds < start
    liked = np.flatnonzero(before & acts.positive)
    plays = np.bincount(acts.user_rows[liked], minlength=len(dataset.users))
    is_cut = (np.random.default_rng(seed).random(len(plays)) < CUT_SHARE) & (plays > LISTENS)
    from_end = np.cumsum(plays)[acts.user_rows[liked]] - 1 - np.arange(len(liked))
    kept = ~(before & is_cut[acts.user_rows])
    kept[liked[from_end < LISTENS]] = True
    return replace(dataset, interactions=acts.where(kept)), np.flatnonzero(is_cut).astype(np.int32)


def _of_users(dataset: Dataset, users: Rows, settings: Any) -> Truth:
    """Cut the truth of the test period for some users only, whom systems do not know."""
    start, acts = dataset.split.test_start, dataset.interactions
    theirs = acts.where((acts.seconds < start) | np.isin(acts.user_rows, users))
    truth = Truth.of(replace(dataset, interactions=theirs), start, dataset.split.end, settings)
    strangers = np.full(len(truth), NO_ROW, np.int32)
    return replace(truth, queries=replace(truth.queries, user_rows=strangers))


def _systems(recommender: Recommender, dataset: Dataset) -> dict[str, Recommend]:
    translation = Translation(dataset, recommender.dataset)
    popular = recommender.sources.retrievers[POPULAR]
    num_tracks = len(recommender.catalogue)
    alone = source_alone(popular, translation, num_tracks)

    def in_country(queries: Queries, k: int) -> Ranking:
        return alone(_without_history(queries), k)

    return {
        RECOMMENDER: whole(recommender, translation),
        POPULAR: alone,
        PICKS: _by_picks(recommender, translation),
        COUNTRY: in_country,
    }


def _by_picks(recommender: Recommender, translation: Translation) -> Recommend:
    """Return the recommender asked without a history, the artists of the listens as picks."""
    catalogue = recommender.catalogue

    def recommend(queries: Queries, k: int) -> Ranking:
        asked = translation.into_bundle(queries)
        names = catalogue.artists.names(catalogue.artist_rows[asked.track_rows])
        artists = [
            [name for name in names[first:last] if name is not None]
            for first, last in zip(asked.offsets[:-1].tolist(), asked.offsets[1:].tolist(), strict=True)
        ]
        picks, _ = picks_of(artists, [()] * len(asked), recommender.dataset)
        requests = Requests.of(_without_history(asked), Surface.DISCOVER_WEEKLY, k + LISTENS)
        slates = recommender.recommend(replace(requests, picks=picks))
        return translation.out_of_bundle(slates.rows), slates.scores

    return recommend


def _without_history(queries: Queries) -> Queries:
    return queries.keep(np.zeros(len(queries.track_rows), np.bool_))
