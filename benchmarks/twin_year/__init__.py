"""A year of the whole loop on simulated listeners, unattended; and the same year without one of its parts at a time."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from benchmarks.harness import Bar, Options, Result
from benchmarks.twin_year.plan import ABLATIONS, Plan, Trial
from benchmarks.twin_year.telling import mean_of
from benchmarks.twin_year.year import Loop, Year
from crossfade.retrieval.tensorflow_setup import tf

READS: Final = ("num_seeds",)
SEEDS: Final = (301, 302, 303)
WHOLE: Final = "whole"
SIZE: Final = {"num_users": 160, "num_tracks": 1200, "weeks": 52}
QUICK: Final = {"num_users": 60, "num_tracks": 400, "weeks": 4}
QUICK_TRIALS: Final = (Trial("closer", 1, {"explorePlaces": []}),)
MEANS: Final = (
    "listens",
    "saves",
    "slate_listens",
    "slate_saves",
    "skip_rate",
    "affinity",
    "novelty",
    "likeness",
    "mix_distance",
    "small_artists",
    "farmed",
)


def run(options: Options) -> Result:
    """Live through a year with everything, once more to see that it is the same, and once without each part.

    `--quick` takes four weeks of a small town, and no ablations. With several seeds each year is lived in so many towns, and
    figures are means over them.
    """
    seeds = SEEDS[: options.num_seeds]
    size = QUICK if options.quick else SIZE
    changes = {"trials": QUICK_TRIALS, "warm_weeks": 5} if options.quick else {}
    ablations = {} if options.quick else ABLATIONS
    plans = {WHOLE: changes, **{name: {**changes, **left_out} for name, left_out in ablations.items()}}
    years = {
        name: [lived(Plan.of(**size, seed=seed, **left_out)) for seed in seeds]
        for name, left_out in plans.items()
    }
    again = lived(Plan.of(**size, seed=seeds[0], **changes))
    return result(years, again.digest, quick=options.quick)


def lived(plan: Plan) -> Year:
    """Live through a plan in a directory of its own; models train untraced, since tracing costs more than their few steps."""
    tf.config.run_functions_eagerly(True)
    try:
        with TemporaryDirectory() as folder:
            return Loop(plan, Path(folder)).run()
    finally:
        tf.config.run_functions_eagerly(False)


def result(years: Mapping[str, list[Year]], again: str, *, quick: bool) -> Result:
    """Return figures of each year, and a table of them against the whole loop."""
    figures: dict[str, float | int | str | bool] = {"quick": quick, "digest": years[WHOLE][0].digest}
    rows = {}
    for name, lives in years.items():
        rows[name] = {key: float(np.mean(values)) for key, values in _figures(lives).items()}
        figures |= {f"{name}, {key}": value for key, value in rows[name].items()}
    whole = rows[WHOLE]
    notes = [f"{'':<28}" + "".join(f"{name:>18}" for name in rows)]
    notes += [f"{key:<28}" + "".join(f"{row[key]:>18.4f}" for row in rows.values()) for key in whole]
    notes += [f"week {week}: {did}" for week, did in years[WHOLE][0].did]
    same = float(again == years[WHOLE][0].digest)
    return Result(
        figures | {"same_digest_again": same}, {"same_digest_again": Bar(same, at_least=1.0)}, notes
    )


def _figures(lives: list[Year]) -> dict[str, list[float]]:
    """Return figure -> one value a town."""
    found: dict[str, list[float]] = {name: [mean_of(life.told, name) for life in lives] for name in MEANS}
    quarters = [max(1, len(life.told) // 4) for life in lives]
    for name in ("tracks", "heard_tracks"):
        found[f"{name}_first_quarter"] = [
            mean_of(life.told[:n], name) for life, n in zip(lives, quarters, strict=True)
        ]
        found[f"{name}_last_quarter"] = [
            mean_of(life.told[-n:], name) for life, n in zip(lives, quarters, strict=True)
        ]
    found["listeners_at_the_end"] = [life.told[-1].listeners for life in lives]
    found["days_until_heard"] = [life.waited[0] for life in lives]
    found["never_heard"] = [life.waited[1] for life in lives]
    found["days_until_offered"] = [life.offered[0] for life in lives]
    found["never_offered"] = [life.offered[1] for life in lives]
    for name, words in (
        ("promoted_by_gate", "promote, promoted"),
        ("kept_out_by_gate", "kept out"),
        ("experiments_promoted", ": promote, step"),
        ("experiments_rolled_back", ": roll back, step"),
    ):
        found[name] = [float(life.count(words)) for life in lives]
    return found
