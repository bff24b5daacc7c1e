"""What is simulated, what runs when, and what is left out by each ablation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from crossfade.schema.settings import Settings, load_settings
from crossfade.twin.spec import TwinSpec
from crossfade.twin.town import DAYS_PER_WEEK

# Small models: a year has a dozen trainings, and listeners are few.
SET: Final = (
    "two_tower.epochs=2",
    "two_tower.dim=16",
    "two_tower.batch_size=256",
    "two_tower.max_examples=8000",
    "two_tower.hard_negatives=32",
    "two_tower.text_buckets=512",
    "index.backend=exact",
    "ranking.num_trees=40",
    "ranking.min_leaf_rows=20",
    "ranking.max_users=300",
    "sources.candidates=150",
    "sources.per_source=100",
    "sources.neighbours=30",
    "evaluation.bootstrap_samples=100",
    "gate.min_cohort_users=30",
    "split.test_days=7",
    "split.validation_days=7",
    "drift.reference_weeks=4",
    "drift.min_listens=20",
    "weekly.max_short_share=1",
    "privacy.pseudonymise=false",
)
# Every rule needs more plays than anybody has, or a score that nobody reaches.
NO_BOTS_FOUND: Final = (
    "bots.loop_plays=1000000",
    "bots.metronome_plays=1000000",
    "bots.awake_hours=1000000",
    "bots.intruder_plays=1000000",
    "bots.score=1000000",
)
# A playlist that is listened through in a week; else the policy is Discover Weekly's own.
POLICY: Final[Mapping[str, Any]] = {"k": 20, "explore_places": [6, 14]}


@dataclass(frozen=True)
class Trial:
    """An experiment of the year: another policy for half of the listeners.

    Args:
        name: Of the experiment.
        week: In which it may begin; it waits until the one before it has ended.
        policy: What its treatment changes, as a manifest spells it.
    """

    name: str
    week: int
    policy: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """One year.

    Args:
        spec: Listeners, artists, the farm, and the days over which tastes move: all weeks of the plan.
        warm_weeks: Before anything is recommended.
        weeks: In which playlists are made.
        retrain_weeks: Most weeks between two trainings; drift makes it sooner, but not within `drift_weeks`.
        drift_weeks: Between two looks for drift.
        broken_training: Number of the training, from 1, whose data a broken join has mixed up.
        trials: Experiments, in the order of their weeks.
        policy: Changes of Discover Weekly's policy.
        settings: Assignments beside `SET`.
        is_gated: Whether a challenger that the gate refuses stays out.
    """

    spec: TwinSpec
    warm_weeks: int = 6
    weeks: int = 52
    retrain_weeks: int = 8
    drift_weeks: int = 4
    broken_training: int = 3
    trials: tuple[Trial, ...] = (
        Trial("scattered", 2, {"diversity": 0.9, "popularityPenalty": 5.0}),  # truly worse
        Trial("shorter", 14, {"k": 10}),
        Trial("wider", 28, {"diversity": 0.3}),
    )
    policy: Mapping[str, Any] = field(default_factory=lambda: dict(POLICY))
    settings: tuple[str, ...] = ()
    is_gated: bool = True

    @classmethod
    def of(cls, num_users: int, num_tracks: int, weeks: int, seed: int, **changes: Any) -> "Plan":
        """Return the plan of a town of some size."""
        warm = int(changes.get("warm_weeks", cls.warm_weeks))
        days = (warm + weeks) * DAYS_PER_WEEK
        spec = TwinSpec(
            num_users=num_users,
            num_tracks=num_tracks,
            num_days=days,
            seed=seed,
            listens_per_day=4,
            farm_share=0.02,
        )
        return cls(spec, weeks=weeks, **changes)

    @property
    def all_settings(self) -> Settings:
        """The settings of every part of the loop."""
        return load_settings(None, (*SET, *self.settings))


# Name -> what is left out of a plan.
ABLATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "no exploration": {"policy": {**POLICY, "explore_places": []}},
    "no MMR": {"policy": {**POLICY, "diversity": 0.0}},
    "no calibration": {"policy": {**POLICY, "calibration": 0.0}},
    "no gate": {"is_gated": False},
    "no bot filter": {"settings": NO_BOTS_FOUND},
}
