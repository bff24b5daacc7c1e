"""HR@20 and MRR@20 of the radio against session-kNN and Markov chains: the next track in a session."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from benchmarks.harness import Bar, Options, Result
from benchmarks.quality.data import load_trial
from benchmarks.quality.peers import NEXT_TRACK_PEERS
from benchmarks.quality.session_peers import MARKOV, SESSION_KNN
from benchmarks.quality.tuning import (
    QUICK_TRIALS,
    TRIALS,
    Protocol,
    Tuned,
    fitted,
    tuned,
    with_repeats_and_filled,
)
from crossfade.evaluation.baselines import POPULARITY, most_heard
from crossfade.evaluation.evaluate import Recommend
from crossfade.evaluation.evaluation import Resampling
from crossfade.evaluation.next_track import (
    OverSessions,
    next_track_metrics,
    paired_by_session,
    reciprocal_ranks,
)
from crossfade.evaluation.popularity import Doubles, Popularity
from crossfade.evaluation.stages import before_policy, whole, with_repeats
from crossfade.evaluation.suite import RANKING, label
from crossfade.evaluation.trained import trained_bundle
from crossfade.evaluation.trial import Trial
from crossfade.features.dataset import Dataset
from crossfade.features.next_tracks import NextTracks
from crossfade.features.translation import Translation
from crossfade.recommender.recommend import Recommender
from crossfade.schema.columns import ITEM_KNN, REPLAYS, TRANSITIONS, TWO_TOWER
from crossfade.schema.settings import Settings, load_settings
from crossfade.schema.tables import Surface

READS: Final = ("files",)
K: Final = 20
RADIO: Final = "radio"
OUR_SOURCES: Final = (ITEM_KNN, TWO_TOWER, REPLAYS, TRANSITIONS)
HEADINGS: Final = {
    "hit_rate": f"HR@{K}",
    "mrr": f"MRR@{K}",
    "hit_rate_known": f"HR@{K}, known tracks",
    "mrr_known": f"MRR@{K}, known tracks",
}
JUDGED_PEERS: Final = (SESSION_KNN.name, MARKOV.name)
AT_LEAST: Final = 1.10
SESSIONS: Final = 2000
VALIDATION_SESSIONS: Final = 500
QUICK_SESSIONS: Final = 200
MOMENTS_A_SESSION: Final = 10
QUICK: Final = ("two_tower.epochs=2", "ranking.num_trees=100")

Judged = Mapping[str, Mapping[str, Doubles]]


def run(options: Options) -> Result:
    """Judge everything on one test period; peers are tuned on the validation period, ours keeps its defaults.

    Raises:
        MissingExtraError: `implicit` is not installed.
        InputError: The directory holds no lake, or files cannot be read.
        TrainingError: There are no sessions to judge by.
    """
    settings = load_settings(assignments=QUICK if options.quick else [])
    trial = load_trial(options, settings)
    dataset, split = trial.judged, trial.judged.split
    most = QUICK_SESSIONS if options.quick else SESSIONS
    moments = _moments(dataset, split.test_start, split.end, most, settings)
    counts = Popularity.of(dataset, split.test_start)
    is_known = ~counts.is_cold[moments.track_rows]
    systems: dict[str, Recommend] = {POPULARITY: most_heard(counts)}
    protocol, trials = (
        _protocol(trial.tuning, settings, quick=options.quick),
        (QUICK_TRIALS if options.quick else TRIALS),
    )
    chosen: dict[str, Tuned] = {}
    for peer in NEXT_TRACK_PEERS:
        chosen[peer.name] = tuned(peer, trial.tuning, protocol, trials=trials, seed=settings.seed)
        known = dataset.until(split.test_start)
        systems[peer.name] = fitted(peer, chosen[peer.name].parameters, known, protocol, settings.seed)
    with TemporaryDirectory() as folder:
        systems |= _our_systems(trial, Path(folder), settings)
        judged = {
            name: next_track_metrics(reciprocal_ranks(system, moments, K), is_known)
            for name, system in systems.items()
        }
    return _result(judged, chosen, moments, settings, quick=options.quick)


def _moments(dataset: Dataset, start: int, end: int, most: int, settings: Settings) -> NextTracks:
    return NextTracks.of(
        dataset, start, end, most_sessions=most, most_moments=MOMENTS_A_SESSION, seed=settings.seed
    )


def _protocol(dataset: Dataset, settings: Settings, *, quick: bool) -> Protocol:
    """Return how peers are tuned: by MRR on sessions of the validation period."""
    split = dataset.split
    most = QUICK_SESSIONS if quick else VALIDATION_SESSIONS
    moments = _moments(dataset, split.validation_start, split.test_start, most, settings)
    return Protocol(
        with_repeats_and_filled, lambda system: float(reciprocal_ranks(system, moments, K).mean())
    )


def _our_systems(trial: Trial, directory: Path, settings: Settings) -> dict[str, Recommend]:
    recommender = Recommender.load(trained_bundle(trial, directory, settings))
    translation = Translation(trial.judged, recommender.dataset)
    sources = recommender.sources.retrievers
    return {
        **{name: with_repeats(sources[name], translation) for name in OUR_SOURCES},
        RANKING: before_policy(recommender, translation, Surface.RADIO),
        RADIO: whole(recommender, translation, Surface.RADIO),
    }


def _result(
    judged: Judged, chosen: Mapping[str, Tuned], moments: NextTracks, settings: Settings, *, quick: bool
) -> Result:
    resampling = Resampling(
        settings.evaluation.bootstrap_samples, settings.evaluation.confidence, settings.seed
    )
    over = OverSessions(moments.sessions, resampling)
    figures: dict[str, float | int | str | bool] = {
        "quick": quick,
        "sessions": int(moments.sessions[-1]) + 1,
        "sessions_eligible": moments.num_eligible,
        "moments": len(moments),
        "repeat_share": float(moments.is_repeat().mean()),
        "known_share": _known_share(judged),
    }
    for name, metrics in judged.items():
        for metric in HEADINGS:
            mean, low, high = over.mean(metrics[metric])
            figures |= {f"{name}_{metric}": mean, f"{name}_{metric}_low": low, f"{name}_{metric}_high": high}
    bars = {}
    for peer in JUDGED_PEERS:
        for metric, (_, ratio) in paired_by_session(judged[RADIO], judged[peer], over).items():
            name = f"{RADIO}_over_{peer}_{metric}"
            figures |= {name: ratio.mean, f"{name}_low": ratio.low, f"{name}_high": ratio.high}
            bars[name] = Bar(ratio.mean, at_least=AT_LEAST)
    return Result(figures, bars, _notes(judged, chosen, moments, over))


def _notes(judged: Judged, chosen: Mapping[str, Tuned], moments: NextTracks, over: OverSessions) -> list[str]:
    sessions, percent = int(moments.sessions[-1]) + 1, round(100 * over.resampling.confidence)
    lines = [
        f"{len(moments):,} moments in {sessions:,} of {moments.num_eligible:,} sessions; means with {percent} % "
        "intervals over sessions.",
        "Peers are tuned on the validation period, ours keeps its default settings. Nothing is masked; what a "
        "peer leaves empty is filled with popular tracks.",
        f"{_known_share(judged):.1%} of the next tracks were known: somebody had heard them before the test period. "
        "A catalogue made from the listens themselves names the others only because they were heard in it.",
        f"{moments.is_repeat().mean():.1%} of the next tracks were played in the session before; the radio's "
        "policy lets them come again, but nothing twice in a row.",
        "",
        f"{'':<24}" + "".join(f"{heading:<25}" for heading in HEADINGS.values()),
    ]
    for name, metrics in judged.items():
        cells = "".join(f"{_text(over.mean(metrics[metric])):<25}" for metric in HEADINGS)
        lines.append(f"{label(name):<24}{cells}{chosen.get(name, '')}".rstrip())
    for peer in (name for name in judged if name != RADIO):
        for metric, (gap, ratio) in paired_by_session(judged[RADIO], judged[peer], over).items():
            lines.append(f"radio and {peer}, {metric}: {_text(gap, '+.4f')}, ratio {_text(ratio, '.3f')}")
    return lines


def _known_share(judged: Judged) -> float:
    return float(np.isfinite(judged[RADIO]["mrr_known"]).mean())


def _text(interval: tuple[float, float, float], shape: str = ".4f") -> str:
    mean, low, high = (format(value, shape) for value in interval)
    return f"{mean} [{low}, {high}]"
