"""All systems judged on one truth: the folder that an evaluation leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crossfade.evaluation.baselines import ARTIST_POPULARITY, COUNTRY_AND_GENRE, POPULARITY
from crossfade.evaluation.evaluation import EVERYONE, Evaluation, paired
from crossfade.evaluation.json_files import as_json, read_json, write_json
from crossfade.schema.columns import (
    ALS,
    ARTIST_TRACKS,
    ITEM_KNN,
    POPULAR,
    REPLAYS,
    TRANSITIONS,
    TWO_TOWER,
)

RECOMMENDER: Final = "recommender"
RANKING: Final = "ranking"
SUMMARY: Final = "summary.json"

LABELS: Final = {
    POPULARITY: "Popularity",
    ARTIST_POPULARITY: "Artist popularity",
    COUNTRY_AND_GENRE: "Popular in country and genre",
    RECOMMENDER: "Whole recommender",
    RANKING: "Ranked, before policy",
    TWO_TOWER: "Two-tower alone",
    ITEM_KNN: "Item-kNN alone",
    ARTIST_TRACKS: "Artist tracks alone",
    ALS: "Matrix factorisation alone",
    POPULAR: "Popular in country alone",
    TRANSITIONS: "Transitions alone",
    REPLAYS: "Replays alone",
}


def label(system: str) -> str:
    """Return a system's name for people."""
    return LABELS.get(system, system)


@dataclass(frozen=True)
class Suite:
    """Evaluations of several systems on the same users.

    Args:
        systems: Name -> evaluation, in the order of tables; the whole recommender is one of them.
        listening: What the test users went on to like, as `Popularity.shares_by_listeners`.
        about: JSON-able facts: `num_eligible`, `num_tracks`, `start` and `end` in UTC seconds.
    """

    systems: Mapping[str, Evaluation]
    listening: list[float]
    about: Mapping[str, Any]

    @property
    def recommender(self) -> Evaluation:
        """The whole recommender's evaluation."""
        return self.systems[RECOMMENDER]

    def save(self, directory: Path) -> None:
        """Write every evaluation and `summary.json` with all means and the paired differences."""
        for evaluation in self.systems.values():
            evaluation.save(directory)
        summary = {
            **self.about,
            "systems": list(self.systems),
            "listening": self.listening,
            "summary": {
                name: {metric: as_json(found) for metric, found in system.summary[EVERYONE].items()}
                for name, system in self.systems.items()
            },
            "recommender_minus": {
                name: {
                    metric: as_json(gap) for metric, gap in paired(self.recommender, system)[EVERYONE].items()
                }
                for name, system in self.systems.items()
                if name != RECOMMENDER
            },
        }
        write_json(summary, directory / SUMMARY)

    @classmethod
    def load(cls, directory: Path) -> "Suite":
        """Read what `save` wrote.

        Raises:
            IntegrityError: A file is missing or not whole.
        """
        about = read_json(directory / SUMMARY)
        systems = {name: Evaluation.load(directory, name) for name in about.pop("systems")}
        listening = about.pop("listening")
        facts = {name: value for name, value in about.items() if name not in ("summary", "recommender_minus")}
        return cls(systems, listening, facts)
