"""Farms and hijacked accounts on simulated listeners: what is found, who is wronged, and what a farm gains all the same."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.bots.detection import Detection, detection, summed
from benchmarks.bots.exposure import Exposure, exposures, lift
from benchmarks.bots.world import SPEC, World
from benchmarks.harness import Bar, Options, Result
from crossfade.schema.settings import Settings, load_settings

READS: Final = ("num_seeds",)
# The thresholds in settings.yaml were set on seeds 11 to 19.
SEEDS: Final = (101, 102, 103)
TRAINING: Final = ("two_tower.epochs=2", "ranking.num_trees=100")
LEAST_PRECISION: Final = 0.98
LEAST_RECALL: Final = 0.9
MOST_LIFT: Final = 1.05
ENDS: Final = ("", "_low", "_high")


def run(options: Options) -> Result:
    """Plant a farm that makes 1 % of the listens, superfans, hijacked accounts and travellers; refresh, train and recommend.

    Each world is learnt from three times: with what the lake marks left out, with everything, and as it is without what was
    planted by machines and intruders. `--quick` takes one world, or as many as `--seeds` says up to three, and neighbours of
    tracks as the only recommender.
    """
    settings = load_settings(assignments=TRAINING)
    found: list[Detection] = []
    shown: list[dict[str, Exposure]] = []
    for seed in SEEDS[: options.num_seeds] if options.quick else SEEDS:
        with TemporaryDirectory() as folder:
            world = World.made(seed, Path(folder), settings)
            found.append(detection(world))
            shown.append(exposures(world, Path(folder), settings, quick=options.quick))
    return _result(found, shown, settings, quick=options.quick)


def _result(
    found: Sequence[Detection], shown: Sequence[dict[str, Exposure]], settings: Settings, *, quick: bool
) -> Result:
    counts = summed(found)
    figures: dict[str, float | int | str | bool] = {"quick": quick, **counts.figures()}
    bars = {
        "precision": Bar(counts.precision, at_least=LEAST_PRECISION),
        "recall": Bar(counts.recall, at_least=LEAST_RECALL),
    }
    for system in shown[0]:
        of_system = [each[system] for each in shown]
        for name in ("clean", "marked", "everything"):
            figures[f"{system}_slots_{name}"] = sum(int(each.slots[name].sum()) for each in of_system)
        for name in ("marked", "everything"):
            told = lift(of_system, name, settings)
            figures |= {f"{system}_lift_{name}{end}": value for end, value in zip(ENDS, told, strict=True)}
        bars[f"{system}_lift_marked"] = Bar(lift(of_system, "marked", settings).mean, at_most=MOST_LIFT)
    return Result(figures, bars, _notes(found))


def _notes(found: Sequence[Detection]) -> list[str]:
    return [
        f"{len(found)} worlds of {SPEC.num_users:,} listeners, {SPEC.num_tracks:,} tracks and {SPEC.num_days} days; planted: "
        f"a farm with {SPEC.farm_share:.0%} of the listens, {SPEC.superfan_share:.0%} superfans, {SPEC.hijacked_share:.0%} "
        f"hijacked accounts, {SPEC.traveller_share:.0%} travellers.",
        "Precision and recall are of listens. Thresholds were set on other seeds.",
        "Lift is the farmed artist's share of recommended slots over its share in the same world without farm and intruders; "
        "the interval is over users, and does not hold the chance of training.",
    ]
