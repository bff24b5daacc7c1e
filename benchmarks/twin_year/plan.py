"""What is simulated, what runs when, and what is left out by each ablation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

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
    # Of so few listeners chance alone moves a mean by a fifth; a model that learnt nonsense loses nearly all.
    "gate.metric_margin=0.3",
    "gate.guardrail_margin=0.3",
    "gate.cohort_margin=0.3",  # ... and in each of their cohorts all the more
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
# The year begins with playlists that are over before a session is, and far from what is loved; else by Discover Weekly's policy.
SCATTERED: Final[Mapping[str, Any]] = {"diversity": 0.9, "popularity_penalty": 5.0}
POLICY: Final[Mapping[str, Any]] = {"k": 6, "explore_places": [3, 6], **SCATTERED}
# Of all listens. One in a hundred would be two accounts of such a town: not enough to stand in anybody's neighbourhood. One in
# twenty is twelve of 240, three of each style of farm.
FARM_SHARE: Final = 0.05


class Size(TypedDict):
    """Listeners, tracks, and weeks in which playlists are made."""

    num_users: int
    num_tracks: int
    weeks: int


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
        beside: Changes of Discover Weekly's policy, by name: each week's playlists are made once more with each, shown to nobody.
    """

    spec: TwinSpec
    warm_weeks: int = 6
    weeks: int = 52
    retrain_weeks: int = 8
    drift_weeks: int = 4
    broken_training: int = 3
    trials: tuple[Trial, ...] = (
        # Truly better: a session plays more than six tracks, and listeners love what is near to their taste.
        Trial("closer", 2, {"k": 20, "explorePlaces": [6, 14], "diversity": 0.1, "popularityPenalty": 0.02}),
        Trial("scattered", 12, {"diversity": 0.9, "popularityPenalty": 5.0}),  # truly worse
        Trial("wider", 30, {"diversity": 0.3}),
    )
    policy: Mapping[str, Any] = field(default_factory=lambda: dict(POLICY))
    settings: tuple[str, ...] = ()
    is_gated: bool = True
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, size: Size, seed: int, **changes: Any) -> "Plan":
        """Return the plan of a town of some size; `changes` are of the plan's arguments."""
        warm = int(changes.get("warm_weeks", cls.warm_weeks))
        spec = TwinSpec(
            num_users=size["num_users"],
            num_tracks=size["num_tracks"],
            num_days=(warm + size["weeks"]) * DAYS_PER_WEEK,
            seed=seed,
            listens_per_day=4,
            farm_share=FARM_SHARE,
        )
        return cls(spec, weeks=size["weeks"], **changes)

    @property
    def all_settings(self) -> Settings:
        """The settings of every part of the loop."""
        return load_settings(None, (*SET, *self.settings))


@dataclass(frozen=True)
class Ablation:
    """A part that is left out, and the figure that it is there for.

    Args:
        left_out: Changes of the plan.
        figure: Of `twin_year._figures`.
        is_better_high: Whether the part is to raise the figure; else it is to lower it.
        is_beside: The figure is one of the playlists themselves: they are made without the part in the season with everything,
            week by week from the same models and histories (`Plan.beside`), since two lives of a town differ by chance, too.
    """

    left_out: Mapping[str, Any]
    figure: str
    is_better_high: bool
    is_beside: bool = False

    def loss(self, whole: float, without: float) -> float:
        """Return how much worse the figure is without the part, as a share of what it is with it."""
        return (whole - without) / abs(whole) * (1 if self.is_better_high else -1)


# What ablations are compared with: a season in which no experiment changes the policy, and a broken training early on.
SEASON_POLICY: Final[Mapping[str, Any]] = {"k": 20, "explore_places": [6, 14]}
SEASON: Final[Mapping[str, Any]] = {
    "policy": SEASON_POLICY,
    "trials": (),
    "retrain_weeks": 4,
    "drift_weeks": 4,
    "broken_training": 2,
}
# Figures were chosen before any season was lived; that two are measured beside was, after some were.
ABLATIONS: Final[Mapping[str, Ablation]] = {
    "no exploration": Ablation({"policy": {**SEASON_POLICY, "explore_places": []}}, "genres_offered", True),
    "no MMR": Ablation({"policy": {**SEASON_POLICY, "diversity": 0.0}}, "likeness", False, True),
    "no calibration": Ablation(
        {"policy": {**SEASON_POLICY, "calibration": 0.0}}, "mix_distance", False, True
    ),
    "no gate": Ablation({"is_gated": False}, "affinity_after_broken", True),
    "no bot filter": Ablation({"settings": NO_BOTS_FOUND}, "farmed", False),
}
BESIDE: Final = {name: each.left_out["policy"] for name, each in ABLATIONS.items() if each.is_beside}
