"""What every ranker promises."""

from pathlib import Path
from typing import Protocol, Self

from crossfade.features.interactions import Floats, Int64s
from crossfade.schema.ids import Rows


class Ranker(Protocol):
    """Orders candidates by their features. The constructor only stores its arguments; learned state ends in `_`."""

    def fit(self, features: Floats, labels: Rows, group_sizes: Int64s, user_rows: Rows) -> Self:
        """Learn from graded candidates, forgetting any earlier fit.

        Args:
            features: [rows, num_features] float32 in the order of `RANKING_FEATURES`, group after group.
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

    def save(self, directory: Path) -> None:
        """Write the model and the names of its features into a directory (made if missing); no pickle."""
        ...

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: The files are damaged, or the features are not `RANKING_FEATURES`.
        """
        ...
