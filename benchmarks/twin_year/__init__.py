"""A year of the whole loop on simulated listeners, unattended; and a season of it without one of its parts at a time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from benchmarks.harness import Bar, Options, Progress, Result
from benchmarks.twin_year.plan import ABLATIONS, BESIDE, SEASON, Ablation, Plan, Size, Trial
from benchmarks.twin_year.telling import mean_of
from benchmarks.twin_year.year import Loop, Year

READS: Final = ("num_seeds", "num_listens")
# What runs when, and how large the towns are, was chosen on seeds 11 to 25, and after a look at 311 and 312.
SEEDS: Final = (331, 332, 333)
# Towns in which seasons are lived, whatever `--seeds` says: in a single one chance hides what a part does.
SEASON_TOWNS: Final = 2
WHOLE: Final = "everything"
SIZE: Final[Size] = {"num_users": 400, "num_tracks": 1200, "weeks": 52}
SEASON_SIZE: Final[Size] = {"num_users": 240, "num_tracks": 1000, "weeks": 12}
QUICK: Final[Size] = {"num_users": 60, "num_tracks": 400, "weeks": 4}
# Listens of a listener in a week, of the twin that `Plan.of` makes; fewer listeners make no experiment.
LISTENS_A_WEEK: Final = 28
FEWEST: Final = 40
# What is lost without a part must be more than nothing that anybody would see.
VISIBLE: Final = 0.02
HAPPENED: Final = (
    "kept_out_by_gate",
    "promoted_by_gate",
    "ramps",
    "experiments_promoted",
    "experiments_rolled_back",
)
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
    """Live through a year, once more to see that it is the same, and through a season with everything and without each part.

    `--listens` sets how many listeners the year has, by how much they play in it. `--quick` takes four weeks of a small town, and
    no ablations. With several seeds each is lived in so many towns, and figures are means over them; seasons are lived in two
    towns at least.
    """
    seeds, size = SEEDS[: options.num_seeds], QUICK if options.quick else SIZE
    if options.num_listens:
        size = {**size, "num_users": max(options.num_listens // (LISTENS_A_WEEK * size["weeks"]), FEWEST)}
    changes = {"trials": QUICK_TRIALS, "warm_weeks": 5} if options.quick else {}
    progress = Progress()
    progress.say("the year ...")
    years = [lived(Plan.of(size, seed, **changes)) for seed in seeds]
    progress.say("the year once more ...")
    again = lived(Plan.of(size, seeds[0], **changes))
    return result(years, again.digest, {} if options.quick else _seasons(options, progress))


def _seasons(options: Options, progress: Progress) -> dict[str, list[Year]]:
    seasons, seeds = {}, SEEDS[: max(options.num_seeds, SEASON_TOWNS)]
    lived_without = {name: each.left_out for name, each in ABLATIONS.items() if not each.is_beside}
    for name, left_out in {WHOLE: {"beside": BESIDE}, **lived_without}.items():
        progress.say(f"a season, {name} ...")
        seasons[name] = [lived(Plan.of(SEASON_SIZE, seed, **{**SEASON, **left_out})) for seed in seeds]
    return seasons


def lived(plan: Plan) -> Year:
    """Live through a plan in a directory of its own."""
    with TemporaryDirectory() as folder:
        return Loop(plan, Path(folder)).run()


def result(years: Sequence[Year], again: str, seasons: Mapping[str, Sequence[Year]]) -> Result:
    """Return figures of the year, and a table of seasons without a part against the whole one; no seasons is a quick look."""
    figures: dict[str, float | int | str | bool] = {"quick": not seasons, "digest": years[0].digest}
    told = _means(years)
    figures |= {f"year, {key}": value for key, value in told.items()}
    bars = {"same_digest_again": Bar(float(again == years[0].digest), at_least=1.0)}
    notes = [f"week {week}: {did}" for week, did in years[0].did]
    if seasons:
        rows = {name: _means(lives) for name, lives in seasons.items()}
        figures |= {f"{name}, {key}": value for name, row in rows.items() for key, value in row.items()}
        notes += [*_table(rows), *_by_town(seasons)]
        bars |= _losses(seasons) | {f"year, {name}": Bar(told[name], at_least=1.0) for name in HAPPENED}
    return Result(figures | {name: bar.value for name, bar in bars.items()}, bars, notes)


def _means(lives: Sequence[Year]) -> dict[str, float]:
    return {key: float(np.mean(values)) for key, values in _figures(lives).items()}


def _table(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    head = f"{'':<28}" + "".join(f"{name:>18}" for name in rows)
    return [
        head,
        *(f"{key:<28}" + "".join(f"{row[key]:>18.4f}" for row in rows.values()) for key in rows[WHOLE]),
    ]


def _by_town(seasons: Mapping[str, Sequence[Year]]) -> list[str]:
    """Return a line for each part: what is lost without it in each town."""
    lines = []
    for name, each in ABLATIONS.items():
        lost = ", ".join(f"{each.loss(*pair):.1%}" for pair in zip(*_sides(seasons, name, each), strict=True))
        lines.append(f"{name}, {each.figure} lost by town: {lost}")
    return lines


def _losses(seasons: Mapping[str, Sequence[Year]]) -> dict[str, Bar]:
    """Return of each part how much worse the figure is that it is there for, where it is left out."""
    found = {}
    for name, each in ABLATIONS.items():
        whole, without = (float(np.mean(values)) for values in _sides(seasons, name, each))
        found[f"{name}, {each.figure} lost"] = Bar(each.loss(whole, without), at_least=VISIBLE)
    return found


def _sides(
    seasons: Mapping[str, Sequence[Year]], name: str, ablation: Ablation
) -> tuple[list[float], list[float]]:
    """Return an ablation's figure in each town, with everything and without the part."""
    whole = _figures(seasons[WHOLE])[ablation.figure]
    if not ablation.is_beside:
        return whole, _figures(seasons[name])[ablation.figure]
    weeks = ([week[ablation.figure] for week in life.beside[name]] for life in seasons[WHOLE])
    return whole, [float(np.mean(values)) for values in weeks]


def _figures(lives: Sequence[Year]) -> dict[str, list[float]]:
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
    found["genres_offered"] = [life.told[-1].genres for life in lives]
    found["affinity_after_broken"] = [after_broken(life) for life in lives]
    found["listeners_at_the_end"] = [life.told[-1].listeners for life in lives]
    found["days_until_heard"] = [life.waited[0] for life in lives]
    found["never_heard"] = [life.waited[1] for life in lives]
    found["days_until_offered"] = [life.offered[0] for life in lives]
    found["never_offered"] = [life.offered[1] for life in lives]
    for name, words in (
        ("promoted_by_gate", "promote, promoted"),
        ("kept_out_by_gate", "kept out"),
        ("ramps", ": ramp, step"),
        ("kept_out_by_log", "the log kept it out"),
        ("experiments_promoted", ": promote, step"),
        ("experiments_rolled_back", ": roll back, step"),
    ):
        found[name] = [float(life.count(words)) for life in lives]
    return found


def after_broken(life: Year) -> float:
    """Return the mean affinity of playlists from a broken training until the next one, NaN where there is none."""
    trainings = [(week, did.startswith("broken")) for week, did in life.did if "training (" in did]
    for place, (week, is_broken) in enumerate(trainings):
        if is_broken:
            until = trainings[place + 1][0] if place + 1 < len(trainings) else len(life.told)
            return mean_of(life.told[week:until], "affinity")
    return np.nan
