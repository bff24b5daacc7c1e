"""Drift planted into simulated listeners: found within a day? How many false alarms a month, and none in a holiday week?"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.drift.days import Days
from benchmarks.drift.planting import KINDS
from benchmarks.harness import Bar, Options, Result
from crossfade.lake.engine import engine
from crossfade.schema.settings import default_settings
from crossfade.twin.spec import TwinSpec
from monitoring.drift.thresholds import DAYS_PER_MONTH

READS: Final = ("num_seeds",)
SEEDS: Final = (
    201,
    202,
    203,
    204,
    205,
)  # the least changes in settings.yaml were set before, and on none of them
SPEC: Final = TwinSpec(num_users=1500, num_tracks=4000, num_days=84)
QUICK: Final = TwinSpec(num_users=600, num_tracks=2000, num_days=49)
WEEK: Final = 5  # working days of the holiday week
MOST_ALARMS: Final = 1.0


def run(options: Options) -> Result:
    """Learn days without drift from eight weeks (`--quick`: four), then judge four weeks (three) without and with drift.

    Each kind of drift is planted into one day, and has to be found on that day, of the right group. The holiday week
    has five working
    days on which everybody lives as on a Sunday and listens a quarter more.
    """
    spec, num_reference = (QUICK, 28) if options.quick else (SPEC, 56)
    seeds = SEEDS[: options.num_seeds] if options.quick else SEEDS
    settings = default_settings()
    found = dict.fromkeys(KINDS, 0)
    alarms = days = holiday_alarms = num_series = 0
    for seed in seeds:
        with TemporaryDirectory() as folder, engine(Path(folder), settings.lake.memory_gib) as session:
            world = Days.made(_with_seed(spec, seed), Path(folder), session, settings, num_reference)
            quiet = world.verdict(world.later)
            alarms += sum(number > 0 for number in quiet.alarms)
            days += len(quiet.days)
            num_series = quiet.num_series
            for name, kind in KINDS.items():
                moved = world.verdict(world.later[:1], kind).moved
                found[name] += any(
                    each.measure in kind.measures and each.group == kind.group for each in moved
                )
            week = range(num_reference, num_reference + WEEK)
            holiday = world.verdict(world.later[:7], events=world.with_holidays(week))
            holiday_alarms += sum(number > 0 for number in holiday.alarms)
    monthly = alarms / days * DAYS_PER_MONTH
    figures: dict[str, float | int | str | bool] = {
        "quick": options.quick,
        "worlds": len(seeds),
        "series": num_series,
        "quiet_days": days,
        "quiet_days_with_an_alarm": alarms,
        "false_alarms_per_month": monthly,
        "holiday_days_with_an_alarm": holiday_alarms,
        **{f"{name}_found_on_its_day": number / len(seeds) for name, number in found.items()},
    }
    bars = {
        f"{name}_found_on_its_day": Bar(number / len(seeds), at_least=1.0) for name, number in found.items()
    }
    bars["false_alarms_per_month"] = Bar(monthly, at_most=MOST_ALARMS)
    bars["holiday_days_with_an_alarm"] = Bar(holiday_alarms, at_most=0)
    told = (
        f"{len(seeds)} worlds of {spec.num_users:,} listeners and {spec.num_days} days, the first {num_reference} as "
        "reference."
    )
    return Result(figures, bars, [told])


def _with_seed(spec: TwinSpec, seed: int) -> TwinSpec:
    return TwinSpec(spec.num_users, spec.num_tracks, spec.num_days, seed)
