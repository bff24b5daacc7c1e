"""What every ranker promises, and where each one lives."""

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol, Self, cast

from crossfade.features.interactions import Floats, Int64s
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import Rows
from crossfade.schema.settings import RankingSettings, Settings, default_settings
from crossfade.schema.tasks import DISCOVERY, NEXT_TRACK, Task

ABOUT: Final = "ranker.json"


class Ranker(Protocol):
    """Orders candidates by their features. The constructor only stores its arguments; learned state ends in `_`."""

    task: Task

    def fit(self, features: Floats, labels: Rows, group_sizes: Int64s, user_rows: Rows) -> Self:
        """Learn from graded candidates, forgetting any earlier fit.

        Args:
            features: [rows, num_features] float32 in the order of the task's features, group after group.
            labels: [rows] int32 relevance grades: wanted from 1, 0 not heard, -1 skipped early where that is graded.
            group_sizes: [groups] int64 candidates of each query; they sum to rows.
            user_rows: [groups] int32 the user of each query; what is held out is split by it.

        Raises:
            TrainingError: No candidate is wanted.
        """
        ...

    def predict(self, features: Floats) -> Floats:
        """Score candidates [..., num_features]; returns [...] float32, higher is better."""
        ...

    def contributions(self, features: Floats) -> Floats:
        """Return [rows, num_features] float32: how much each feature of candidates [rows, num_features] moved their score."""
        ...

    def save(self, directory: Path) -> None:
        """Write the model and the names of its features into a directory (made if missing); no pickle."""
        ...

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: The files are damaged, or the features are not the task's.
        """
        ...


# Where each ranker lives, by its name in settings (`ranking.model`, `ranking.radio_model`); strings import no libraries.
RANKERS: Final = MappingProxyType(
    {
        "gbdt": "crossfade.ranking.gbdt:GbdtRanker",
        "catboost": "crossfade.ranking.symmetric:SymmetricTreesRanker",
        "deepfm": "crossfade.ranking.deepfm:DeepFmRanker",
    }
)


def ranker_class(name: str) -> type[Ranker]:
    """Import and return the class of a ranker by its name in `RANKERS`."""
    module, _, attribute = RANKERS[name].partition(":")
    return cast("type[Ranker]", getattr(import_module(module), attribute))


def unfitted_ranker(settings: Settings, task: Task = DISCOVERY) -> Ranker:
    """Construct the ranker that the settings ask for, for the radio another than for all else; imports its library."""
    chosen, seed = settings.ranking, settings.seed
    name = chosen.radio_model if task is NEXT_TRACK else chosen.model
    arguments: dict[str, tuple[Any, ...]] = {
        "gbdt": (chosen, seed, task),
        "catboost": (chosen, seed, task),
        "deepfm": (settings.deepfm, seed, task, chosen.objective),
    }
    return cast("Callable[..., Ranker]", ranker_class(name))(*arguments[name])


def load_ranker(directory: Path) -> Ranker:
    """Read what any ranker saved.

    Raises:
        IntegrityError: The files are damaged, of an unknown kind, or of other features.
    """
    return ranker_class(read_about(directory)["model"]).load(directory)


def write_about(directory: Path, about: dict[str, Any]) -> None:
    """Write `ranker.json`: kind of model, task, names of features, and what the ranker needs to know of itself."""
    (directory / ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")


def read_about(directory: Path) -> dict[str, Any]:
    """Read `ranker.json`.

    Raises:
        IntegrityError: It is missing or damaged, or names a ranker that is not known here.
    """
    try:
        about: dict[str, Any] = json.loads((directory / ABOUT).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{directory} is not a saved ranker: {error}") from error
    if about.get("model") not in RANKERS:
        raise IntegrityError(
            f"{directory} holds a ranker of the kind {about.get('model')!r}; known here: {', '.join(RANKERS)}. Train it again."
        )
    return about


def ranking_settings(about: Mapping[str, Any]) -> RankingSettings:
    """Return the settings that trees were grown with; keys that are younger than the file have their defaults."""
    return RankingSettings.model_validate({**default_settings().ranking.model_dump(), **about["settings"]})


def require_features(directory: Path, names: list[str], task: Task) -> None:
    """Refuse a saved ranker of other features.

    Raises:
        IntegrityError: Names what differs.
    """
    if tuple(names) == task.features:
        return
    unknown = sorted(set(names) ^ set(task.features)) or ["the order"]
    raise IntegrityError(
        f"The ranker in {directory} was trained on {len(names)} features, this version computes "
        f"{len(task.features)}; they differ in {', '.join(unknown)}. Train it again."
    )
