"""Frozen, typed settings; `settings.yaml` beside this file holds the defaults and is their manual."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml
from pydantic import Field

from crossfade.schema.cluster_settings import ScheduleSettings, StepSettings
from crossfade.schema.errors import SettingsError
from crossfade.schema.lake_settings import (
    BotSettings,
    LakeSettings,
    PrivacySettings,
    QualitySettings,
    StreamSettings,
    UpkeepSettings,
)
from crossfade.schema.model_settings import (
    AlsSettings,
    DeepFmSettings,
    EaseSettings,
    InputModels,
    Item2VecSettings,
    SessionModelSettings,
    TwoTowerSettings,
)
from crossfade.schema.monitoring_settings import DriftSettings, ReceiverSettings
from crossfade.schema.section import Amount, Count, Positive, Section, Share
from crossfade.schema.serving_settings import ServingSettings

# Where and how tables are computed; the rows are the same.
OF_MACHINE = {"lake": {"engine", "spark_master", "memory_gib", "reopen_share", "rebuild_rows"}}
OF_MODEL = (
    "seed",
    "split",
    "lake",
    "bots",
    "skips",
    "two_tower",
    "als",
    "ease",
    "sources",
    "index",
    "ranking",
    "deepfm",
)

RankerName = Literal["gbdt", "catboost", "deepfm"]


class SplitSettings(Section):
    """Lengths of the time split."""

    test_days: Amount
    validation_days: Amount
    random_share: Annotated[float, Field(gt=0, lt=0.5)]


class SkipSettings(Section):
    """What a skip says."""

    correct: bool


class SourceSettings(Section):
    """Retrieval sources and their merge."""

    candidates: Count
    ranked: Count
    per_source: Count
    from_pairs: Literal["auto", "always", "never"]
    neighbours: Count


class IndexSettings(Section):
    """Vector index."""

    backend: Literal["auto", "scann", "exact"]
    min_recall: Share
    recall_at: Count
    stored_as: Literal["float32", "bfloat16", "int8"] = "float32"  # of bundles that are older than the key
    shards: Count = 1  # likewise
    vectors_as: Literal["float32", "float16", "int8"] = "float32"  # likewise


class ObjectiveSettings(Section):
    """What the ranker aims at."""

    play: Positive
    save: Positive
    skip: Annotated[float, Field(ge=0)]
    discovery: Annotated[float, Field(ge=0)]


class RankingSettings(Section):
    """Which ranker, and the gradient-boosted ones."""

    model: RankerName
    radio_model: RankerName = "gbdt"  # of bundles that are older than the key
    num_trees: Count
    num_leaves: Annotated[int, Field(ge=2)]
    depth: Annotated[int, Field(ge=1, le=16)]
    learning_rate: Positive
    min_leaf_rows: Count
    max_users: Count
    objective: ObjectiveSettings


class EvaluationSettings(Section):
    """Offline evaluation."""

    k: Count
    bootstrap_samples: Count
    confidence: Annotated[float, Field(gt=0, lt=1)]
    max_users: Count


class GateSettings(Section):
    """Rules between challenger and champion."""

    metric_margin: Share
    cohort_margin: Share
    guardrail_margin: Share
    min_cohort_users: Count
    min_recall: Share


class WeeklySettings(Section):
    """The weekly batch."""

    users_per_shard: Count
    batch_users: Count
    keep_generations: Count
    max_short_share: Share
    store_url: Annotated[str, Field(pattern=r"^((redis|rediss|unix|cassandra)://\S+)?$")]
    expire_hours: Positive
    variant: Annotated[str, Field(pattern=r"^([a-z0-9-]+\.[a-z0-9-]+)?$")]
    rewrite: Literal["changed", "all"]
    monday: Literal["together", "local"]


class RolloutSettings(Section):
    """The services of an experiment's treatments."""

    image: str
    claim: str
    mount: str
    keys: str
    replicas: Count


class TrackingSettings(Section):
    """MLflow."""

    uri: str
    experiment: Annotated[str, Field(min_length=1)]


class Settings(Section):
    """All settings of a run."""

    seed: Amount
    split: SplitSettings
    lake: LakeSettings
    stream: StreamSettings
    upkeep: UpkeepSettings
    bots: BotSettings
    privacy: PrivacySettings
    skips: SkipSettings
    quality: QualitySettings
    two_tower: TwoTowerSettings
    session_model: SessionModelSettings
    als: AlsSettings
    ease: EaseSettings
    item2vec: Item2VecSettings
    sources: SourceSettings
    index: IndexSettings
    ranking: RankingSettings
    deepfm: DeepFmSettings
    evaluation: EvaluationSettings
    gate: GateSettings
    weekly: WeeklySettings
    serving: ServingSettings
    drift: DriftSettings
    receiver: ReceiverSettings
    schedules: ScheduleSettings
    steps: StepSettings
    rollout: RolloutSettings
    tracking: TrackingSettings

    def dumps(self) -> str:
        """Return the settings as YAML that `parse_settings` reads back to an equal object."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)

    @property
    def input_models(self) -> InputModels:
        """The models whose vectors of tracks the two-tower may read."""
        return InputModels(als=self.als, item2vec=self.item2vec)

    def with_own_ids(self) -> "Settings":
        """Return the settings with users under their own ids, for lakes that nobody keeps and listeners that nobody is."""
        own_ids = self.privacy.model_copy(update={"pseudonymise": False})
        return self.model_copy(update={"privacy": own_ids})

    def of_steps(self) -> str:
        """Return the YAML that steps get on a cluster: when and where they run changes no result, and so no step's cache."""
        defaults = default_settings()
        same = self.model_copy(update={"schedules": defaults.schedules, "steps": defaults.steps})
        return same.dumps()

    def of_model(self) -> dict[str, Any]:
        """Return what shapes a model or its answers; a bundle keeps no more, so that its digest follows the model."""
        return self.model_dump(include=set(OF_MODEL), exclude=OF_MACHINE)


def default_text() -> str:
    """Return the default settings file, comments included."""
    return files("crossfade.schema").joinpath("settings.yaml").read_text("utf-8")


@cache
def default_settings() -> Settings:
    """Return the defaults."""
    return Settings.model_validate(yaml.safe_load(default_text()))


def load_settings(path: Path | None = None, assignments: Sequence[str] = ()) -> Settings:
    """Read a settings file (defaults where it is silent) and apply `key=value` assignments.

    Args:
        path: A YAML file of the shape of `settings.yaml`; None takes the defaults.
        assignments: For example `["split.test_days=7"]`; values are read as YAML.

    Raises:
        SettingsError: Names the file or assignment, the key and the value.
    """
    if path is not None and not path.is_file():
        raise SettingsError(f"Settings file {path} does not exist.")
    try:
        text = path.read_text("utf-8") if path else ""
    except UnicodeDecodeError as error:
        raise SettingsError(f"Settings file {path} is not UTF-8 text ({error}); save it as UTF-8.") from error
    return parse_settings(text, assignments, place=str(path or "settings"))


def parse_settings(text: str, assignments: Sequence[str] = (), *, place: str = "settings") -> Settings:
    """Like `load_settings`, from YAML text."""
    merged = _merge(default_settings().model_dump(), _mapping(text, place), place)
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise SettingsError(f"--set {assignment}: needs key=value, for example split.test_days=7.")
        try:
            nested: Any = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise SettingsError(f"--set {assignment}: the value is not YAML.") from error
        for part in reversed(key.strip().split(".")):
            nested = {part: nested}
        merged = _merge(merged, nested, f"--set {assignment}")
    return _validated(merged, place)


def _mapping(text: str, place: str) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"{place}: not YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise SettingsError(f"{place}: needs keys and values, got {type(loaded).__name__}.")
    return loaded


def _merge(base: dict[str, Any], change: dict[str, Any], place: str, prefix: str = "") -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        if key not in base:
            raise SettingsError(f"{place}: unknown key {prefix}{key}; known here: {', '.join(sorted(base))}.")
        is_section = isinstance(base[key], dict)
        if is_section and not isinstance(value, dict):
            raise SettingsError(f"{place}: {prefix}{key} is a section, got {value!r}.")
        merged[key] = _merge(base[key], value, place, f"{prefix}{key}.") if is_section else value
    return merged


def _validated(values: dict[str, Any], place: str) -> Settings:
    try:
        return Settings.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        told = f"{'.'.join(map(str, first['loc']))}={first['input']!r}: {first['msg']}."
        raise SettingsError(f"{place}: {told}") from error
