"""Recall and NDCG of the whole recommender against nine tuned peers.

Everything is judged twice: on the whole catalogue, and (unless quick) on the tracks that somebody had heard before the
test period, since a catalogue gathered from listens gives away what is new in it.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.harness import Bar, Options, Result
from benchmarks.quality.data import known_before, load_dataset
from benchmarks.quality.ours import our_systems
from benchmarks.quality.peers import PEERS
from benchmarks.quality.tuning import QUICK_TRIALS, TRIALS, by_time, tuned
from crossfade.evaluation.baselines import ARTIST_POPULARITY, POPULARITY, artist_popularity, popularity
from crossfade.evaluation.evaluate import Recommend, evaluate
from crossfade.evaluation.evaluation import EVERYONE, Evaluation, paired
from crossfade.evaluation.suite import RECOMMENDER, label
from crossfade.evaluation.truth import Truth
from crossfade.features.dataset import Dataset
from crossfade.schema.settings import Settings, load_settings

METRICS: Final = ("recall", "ndcg")
WHOLE: Final = ""
KNOWN: Final = "known_"
QUICK: Final = ("evaluation.max_users=2000", "two_tower.epochs=2", "ranking.num_trees=100")


def run(options: Options) -> Result:
    """Judge everything on one test period; peers are tuned on the validation period, ours keeps its defaults.

    Raises:
        MissingExtraError: `implicit` is not installed.
        NotFoundError: The directory holds no lake.
    """
    settings = load_settings(assignments=QUICK if options.quick else [])
    dataset = load_dataset(options, settings)
    trials = QUICK_TRIALS if options.quick else TRIALS
    result = _judged(dataset, settings, trials=trials, world=WHOLE, quick=options.quick)
    if options.quick:
        return result
    known = known_before(dataset, dataset.split.test_start)
    second = _judged(known, settings, trials=trials, world=KNOWN, quick=False)
    return Result(
        {**result.figures, **second.figures},
        {**result.bars, **second.bars},
        [
            *result.notes,
            "",
            "Tracks heard before the test period only, for all systems alike:",
            "",
            *second.notes,
        ],
    )


def _judged(dataset: Dataset, settings: Settings, *, trials: int, world: str, quick: bool) -> Result:
    """Judge all systems on one dataset; `world` stands before the names of its figures."""
    split = dataset.split
    truth = Truth.of(dataset, split.test_start, split.end, settings)
    systems: dict[str, Recommend] = {
        POPULARITY: popularity(truth.popularity),
        ARTIST_POPULARITY: artist_popularity(truth.catalogue, truth.popularity),
    }
    chosen, protocol = {}, by_time(dataset, settings)
    for peer in PEERS:
        systems[peer.name], chosen[peer.name] = tuned(
            peer, dataset, protocol, trials=trials, seed=settings.seed
        )
    with TemporaryDirectory() as folder:
        systems |= our_systems(dataset, Path(folder), settings)
        judged = {name: evaluate(name, system, truth, settings) for name, system in systems.items()}
    result = _result(judged, chosen, truth, quick=quick)
    return Result(
        {f"{world}{name}": value for name, value in result.figures.items()},
        {f"{world}{name}": bar for name, bar in result.bars.items()},
        result.notes,
    )


def _result(
    judged: Mapping[str, Evaluation], chosen: Mapping[str, str], truth: Truth, *, quick: bool
) -> Result:
    ours = judged[RECOMMENDER]
    best = max(chosen, key=lambda name: float(judged[name].metrics["ndcg"].mean()))
    gaps = paired(ours, judged[best])[EVERYONE]
    figures: dict[str, float | int | str | bool] = {
        "quick": quick,
        "test_users": len(truth),
        "best_peer": best,
    }
    for name, system in judged.items():
        for metric in METRICS:
            mean, low, high = system.summary[EVERYONE][metric]
            figures |= {f"{name}_{metric}": mean, f"{name}_{metric}_low": low, f"{name}_{metric}_high": high}
    for metric in METRICS:
        mean, low, high = gaps[metric]
        figures |= {f"gain_{metric}": mean, f"gain_{metric}_low": low, f"gain_{metric}_high": high}
    bars = {f"gain_{metric}": Bar(gaps[metric].mean, at_least=0.0) for metric in METRICS}
    return Result(figures, bars, _notes(judged, chosen, best))


def _notes(judged: Mapping[str, Evaluation], chosen: Mapping[str, str], best: str) -> list[str]:
    ours = judged[RECOMMENDER]
    lines = [
        f"{len(ours):,} test users; means with {round(100 * ours.resampling.confidence)} % intervals.",
        "Peers are tuned on the validation period, ours keeps its default settings. What a peer "
        "leaves empty is filled with popular tracks.",
        "",
        f"{'':<26}" + "".join(f"{f'{metric}@{ours.k}':<27}" for metric in METRICS),
    ]
    for name, system in judged.items():
        means = [system.summary[EVERYONE][metric] for metric in METRICS]
        cells = "".join(f"{f'{mean:.4f} [{low:.4f}, {high:.4f}]':<27}" for mean, low, high in means)
        lines.append(f"{label(name):<26}{cells}{chosen.get(name, '')}".rstrip())
    gaps = paired(ours, judged[best])[EVERYONE]
    for metric in METRICS:
        mean, low, high = gaps[metric]
        lines.append(f"whole recommender minus {best}, {metric}: {mean:+.4f} [{low:+.4f}, {high:+.4f}]")
    return lines
