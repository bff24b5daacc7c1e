"""Drift planted into simulated listeners: found within a day? How many false alarms a month, and none in a holiday week?"""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.drift.days import Days
from benchmarks.drift.planting import KINDS
from benchmarks.harness import Bar, Options, Result
from crossfade.lake.engine_duckdb import engine
from crossfade.schema.settings import Settings, default_settings
from crossfade.twin.spec import TwinSpec
from monitoring.drift.thresholds import DAYS_PER_MONTH

READS: Final = ("num_seeds", "num_listens")
SEEDS: Final = (501, 502, 503, 504, 505, 506, 507, 508)  # choices were made on seeds 7, 8 and from 101 to 404
SPEC: Final = TwinSpec(num_users=1500, num_tracks=4000, num_days=84)
QUICK: Final = TwinSpec(num_users=600, num_tracks=2000, num_days=49)
WEEK: Final = 5  # working days of the holiday week
MOST_ALARMS: Final = 1.0


@dataclass
class Found:
    """What was found in some worlds.

    Args:
        worlds: So many.
        quiet_days: Days without drift that were judged.
        alarms: Those of them with an alarm.
        holiday_alarms: Days with an alarm in weeks with holidays.
        found: Worlds in which each kind was found on its day, of its group.
        found_by: In how many worlds each of its measures found a kind.
        moved: How often each measure and group strayed on quiet days.
        num_series: Series that were judged together.
    """

    worlds: int = 0
    quiet_days: int = 0
    alarms: int = 0
    holiday_alarms: int = 0
    found: Counter[str] = field(default_factory=Counter)
    found_by: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    num_series: int = 0

    @property
    def monthly(self) -> float:
        """Days of a month with a false alarm."""
        return self.alarms / self.quiet_days * DAYS_PER_MONTH


def run(options: Options) -> Result:
    """Learn days without drift from eight weeks (`--quick`: four), then judge four weeks (three) without and with drift.

    Each kind of drift is planted into one day, and has to be found on that day, of the right group. The holiday week has five
    working days on which everybody lives as on a Sunday and listens a quarter more. `--listens` makes towns of another size.
    """
    spec, num_reference = (QUICK, 28) if options.quick else (SPEC, 56)
    if options.num_listens:
        spec = replace(spec, num_users=round(options.num_listens / spec.num_days / spec.listens_per_day))
    total = Found()
    for seed in SEEDS[: options.num_seeds] if options.quick else SEEDS:
        _look(replace(spec, seed=seed), num_reference, default_settings(), total)
    told = f"{total.worlds} worlds of {spec.num_users:,} listeners, {spec.num_days} days, {num_reference} of them as reference."
    notes = [told, f"Found: {_listed(total.found_by)}.", f"Strayed on quiet days: {_listed(total.moved)}."]
    return _result(total, notes, quick=options.quick)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ({number})" for name, number in counts.most_common()) or "nothing"


def _look(spec: TwinSpec, num_reference: int, settings: Settings, total: Found) -> None:
    """Judge one world: quiet days, each kind of drift, and a holiday week."""
    with TemporaryDirectory() as folder, engine(Path(folder), settings.lake.memory_gib) as session:
        world = Days.made(spec, Path(folder), session, settings, num_reference)
        quiet = world.verdict(world.later)
        total.worlds += 1
        total.num_series = quiet.num_series
        total.quiet_days += len(quiet.days)
        total.alarms += sum(number > 0 for number in quiet.alarms)
        total.moved.update({name: len(days) for name, days in quiet.strayed.items()})
        for name, kind in KINDS.items():
            moved = world.verdict(world.later[:1], kind).moved
            by = [
                each.measure for each in moved if each.measure in kind.measures and each.group == kind.group
            ]
            total.found[name] += bool(by)
            total.found_by.update(f"{name} by {measure}" for measure in by)
        holidays = world.with_holidays(range(num_reference, num_reference + WEEK))
        week = world.verdict(world.later[:7], events=holidays)
        total.holiday_alarms += sum(number > 0 for number in week.alarms)


def _result(total: Found, notes: list[str], *, quick: bool) -> Result:
    shares = {f"{name}_found_on_its_day": total.found[name] / total.worlds for name in KINDS}
    figures: dict[str, float | int | str | bool] = {
        "quick": quick,
        "worlds": total.worlds,
        "series": total.num_series,
        "quiet_days": total.quiet_days,
        "quiet_days_with_an_alarm": total.alarms,
        "false_alarms_per_month": total.monthly,
        "holiday_days_with_an_alarm": total.holiday_alarms,
        **shares,
    }
    bars = {name: Bar(share, at_least=1.0) for name, share in shares.items()}
    bars["false_alarms_per_month"] = Bar(total.monthly, at_most=MOST_ALARMS)
    bars["holiday_days_with_an_alarm"] = Bar(total.holiday_alarms, at_most=0)
    return Result(figures, bars, notes)
