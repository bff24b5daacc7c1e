"""False alarms of all drift series together, the champion's own among them, in the weeks after it learnt."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.champion_drift.town import SETTINGS, town
from benchmarks.harness import Bar, Options, Progress, Result
from crossfade.schema.errors import CrossfadeError
from crossfade.twin.spec import TwinSpec
from monitoring.drift.judging import Verdict
from monitoring.drift.measures import EVERYBODY, OF_LISTENING
from monitoring.drift.run import look_for_drift
from monitoring.drift.thresholds import DAYS_PER_MONTH

READS: Final = ("num_seeds",)
SEEDS: Final = (701, 702, 703, 704)  # choices were made on seeds 7, 101 and from 601 to 605
SPEC: Final = TwinSpec(num_users=1500, num_tracks=2000, num_days=84)
QUICK: Final = TwinSpec(num_users=300, num_tracks=800, num_days=42, listens_per_day=6.0)
KNOWN_DAYS: Final = 56  # that the champion learns from; `--quick` takes 35
MOST_ALARMS: Final = 1.0


def run(options: Options) -> Result:
    """Train a champion in each world on eight weeks (`--quick`: five), and judge the four weeks after (one), without drift.

    What is listened to and what the champion sees of it are judged together, as `crossfade drift` does it.

    Raises:
        CrossfadeError: A champion has no series of its own, so that nothing would be measured.
    """
    spec, known = (QUICK, 35) if options.quick else (SPEC, KNOWN_DAYS)
    progress, found = Progress(), []
    for seed in SEEDS[: options.num_seeds] if options.quick else SEEDS:
        progress.say(f"seed {seed} ...")
        found.append(_looked(replace(spec, seed=seed), known))
        progress.say(f"  {sum(map(bool, found[-1].alarms))} days with an alarm: {_told(found[-1].strayed)}")
    return result(
        found, [f"{len(found)} worlds of {spec.num_users:,} listeners, champions of {known} days."], options
    )


def _looked(spec: TwinSpec, known_days: int) -> Verdict:
    with TemporaryDirectory() as folder:
        made = town(Path(folder), spec, known_days)
        verdict = look_for_drift(made.lake, made.workspace, SETTINGS, with_champion=True).verdict
    if verdict is None or not any(map(is_of_champion, verdict.scores)):
        raise CrossfadeError(f"The champion of seed {spec.seed} has no series of its own.")
    return verdict


def is_of_champion(name: str) -> bool:
    """Tell whether a series, as "measure, group", is what the champion sees or says."""
    measure, _, group = name.partition(", ")
    return measure not in {each.name for each in OF_LISTENING} and group in (EVERYBODY, "surface radio")


def _told(strayed: dict[str, list[str]]) -> str:
    return "; ".join(f"{name} on {', '.join(days)}" for name, days in strayed.items()) or "none"


def result(found: Sequence[Verdict], notes: list[str], options: Options) -> Result:
    """Return figures, and as bars what may be a false alarm in a month of a world."""
    days = sum(len(each.days) for each in found)
    alarms = sum(bool(number) for each in found for number in each.alarms)
    of_champion = [
        {day for name, on in each.strayed.items() if is_of_champion(name) for day in on} for each in found
    ]
    own = sum(map(len, of_champion))
    strayed: Counter[str] = Counter()
    for each in found:
        strayed.update({name: len(on) for name, on in each.strayed.items()})
    names = ", ".join(f"{name} ({number})" for name, number in strayed.most_common())
    monthly = alarms / days * DAYS_PER_MONTH
    figures: dict[str, float | int | str | bool] = {
        "quick": options.quick,
        "worlds": len(found),
        "series": found[-1].num_series,
        "series_of_the_champion": sum(map(is_of_champion, found[-1].scores)),
        "quiet_days": days,
        "quiet_days_with_an_alarm": alarms,
        "quiet_days_with_an_alarm_of_the_champion": own,
        "false_alarms_per_month": monthly,
        "false_alarms_of_the_champion_per_month": own / days * DAYS_PER_MONTH,
    }
    bars = {"false_alarms_per_month": Bar(monthly, at_most=MOST_ALARMS)}
    return Result(figures, bars, [*notes, f"Strayed on days, all worlds together: {names or 'nothing'}."])
