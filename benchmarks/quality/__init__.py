"""Recall, NDCG, hit rate, MRR and precision of the whole recommender against eight tuned peers.

Everything is judged twice: on the whole catalogue, and (unless quick) on the tracks that somebody had heard before the
test period, since a catalogue gathered from listens gives away what is new in it.
"""

from collections.abc import Mapping
from typing import Final

from benchmarks.harness import Bar, Options, Result
from benchmarks.quality.data import known_tracks, load_trial
from benchmarks.quality.peers import PEERS
from benchmarks.quality.tuning import (
    QUICK_TRIALS,
    TRIALS,
    Protocol,
    Tuned,
    by_time,
    fitted,
    search_space,
    tuned,
)
from crossfade.evaluation.evaluate import Recommend
from crossfade.evaluation.judging import judge_trial
from crossfade.evaluation.suite import RECOMMENDER, label
from crossfade.evaluation.table import table
from crossfade.evaluation.trial import Trial
from crossfade.evaluation.trial_notes import described
from crossfade.evaluation.yardstick import Yardstick
from crossfade.schema.settings import Settings, load_settings

READS: Final = ("files", "ks", "num_seeds")
WHOLE: Final = ""
KNOWN: Final = "known_"
AT_LEAST: Final = 1.10
QUICK: Final = ("evaluation.max_users=2000", "two_tower.epochs=2", "ranking.num_trees=100")

Figures = dict[str, float | int | str | bool]


def run(options: Options) -> Result:
    """Judge everything on one test period; peers are tuned on the validation period, ours keeps its default settings.

    Raises:
        MissingExtraError: `implicit` is not installed.
        InputError: The directory holds no lake, or files cannot be read.
        TrainingError: There is not enough to train or judge on.
    """
    settings = load_settings(assignments=QUICK if options.quick else [])
    trial = load_trial(options, settings)
    result = _judged(trial, settings, options, world=WHOLE)
    if options.quick:
        return result
    second = _judged(known_tracks(trial), settings, options, world=KNOWN)
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


def _judged(trial: Trial, settings: Settings, options: Options, *, world: str) -> Result:
    """Judge all systems on one trial; `world` stands before the names of its figures."""
    trials = QUICK_TRIALS if options.quick else TRIALS
    protocol = by_time(trial.tuning, settings)
    chosen = {
        peer.name: tuned(peer, trial.tuning, protocol, trials=trials, seed=settings.seed) for peer in PEERS
    }

    def peers(seed: int) -> dict[str, Recommend]:
        return fitted_peers(trial, chosen, protocol, seed)

    ks = options.ks or (settings.evaluation.k,)
    seeds = range(settings.seed, settings.seed + options.num_seeds)
    measured = judge_trial(trial, settings, ks, seeds, peers=peers)
    figures: Figures = {"quick": options.quick, "seed": settings.seed, "num_seeds": options.num_seeds}
    figures |= tuning_figures(chosen) | measured_figures(measured)
    ratio = measured.against(RECOMMENDER, measured.best_rival)[measured.headline].ratio
    bars = {f"{world}ndcg_over_best_peer": Bar(ratio.mean, at_least=AT_LEAST)}
    notes = [*described(trial, settings), "", *table(measured, RECOMMENDER), "", *tuning_notes(chosen)]
    return Result({f"{world}{name}": value for name, value in figures.items()}, bars, notes)


def fitted_peers(
    trial: Trial, chosen: Mapping[str, Tuned], protocol: Protocol, seed: int
) -> dict[str, Recommend]:
    """Fit tuned peers on all that test users are taken to know."""
    known = trial.judged.until(trial.judged.split.test_start)
    return {
        peer.name: fitted(peer, chosen[peer.name].parameters, known, protocol, seed)
        for peer in PEERS
        if peer.name in chosen
    }


def measured_figures(measured: Yardstick) -> Figures:
    """Return means, intervals, spreads and comparisons with the best peer; names at the headline's k go without it."""
    suffix = f"@{measured.ks[0]}"
    figures: Figures = {
        "k": measured.ks[0],
        "test_users": len(next(iter(measured.systems.values()))[measured.headline]),
        "best_peer": measured.best_rival,
    }
    for name, metrics in measured.summary.items():
        for full, (mean, low, high) in metrics.items():
            metric = f"{name}_{full.removesuffix(suffix)}"
            figures |= {metric: mean, f"{metric}_low": low, f"{metric}_high": high}
            if (spread := measured.spread(name, full)) is not None:
                figures[f"{metric}_spread"] = spread
    for full, found in measured.against(RECOMMENDER, measured.best_rival).items():
        metric = full.removesuffix(suffix)
        for kind, interval in (
            (f"gain_{metric}", found.difference),
            (f"{metric}_over_best_peer", found.ratio),
        ):
            figures |= {kind: interval.mean, f"{kind}_low": interval.low, f"{kind}_high": interval.high}
        figures[f"{metric}_p_value"] = found.p_value
    return figures


def tuning_figures(chosen: Mapping[str, Tuned]) -> Figures:
    """Return what was tried of each peer, and what was chosen."""
    figures: Figures = {}
    for peer in (peer for peer in PEERS if peer.name in chosen):
        found = chosen[peer.name]
        figures |= {
            f"{peer.name}_parameters": str(found),
            f"{peer.name}_trials": found.num_trials,
            f"{peer.name}_search_space": search_space(peer),
        }
    return figures


def tuning_notes(chosen: Mapping[str, Tuned]) -> list[str]:
    """Return a line for each peer: budget, choice and search space."""
    return [
        "Peers are tuned by NDCG on the validation period, ours keeps its default settings. What a peer leaves empty is "
        "filled with popular tracks.",
        *(
            f"  {label(peer.name)}: {chosen[peer.name]} (best of {chosen[peer.name].num_trials} from {search_space(peer)})"
            for peer in PEERS
            if peer.name in chosen
        ),
    ]
