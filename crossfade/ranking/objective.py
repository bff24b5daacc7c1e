"""What a ranker is to aim at: plays, saves, discoveries and skips, weighed into one order of grades."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crossfade.schema.ids import Rows
from crossfade.schema.settings import ObjectiveSettings

Bools = npt.NDArray[np.bool_]

SKIPPED = -1
UNHEARD = 0


@dataclass(frozen=True)
class Objective:
    """Turns weights into grades: a higher grade is worth more, equal worths share one.

    Args:
        settings: Worth of a play and of a save, of an artist's first time, and of not being skipped.
    """

    settings: ObjectiveSettings

    @property
    def worths(self) -> list[float]:
        """Worths of the grades from 1 on, ascending: of a play and of a save, by known and by new artists."""
        return sorted({self._worth(saved=saved, new=new) for saved in (False, True) for new in (False, True)})

    @property
    def grades_skips(self) -> bool:
        """Whether what was skipped early stands below what nobody showed: grade -1 instead of 0."""
        return self.settings.skip > 0

    @property
    def lowest(self) -> int:
        """The lowest grade that is given."""
        return SKIPPED if self.grades_skips else UNHEARD

    @property
    def gains(self) -> list[float]:
        """What ranking each grade on top is worth, from the lowest grade on."""
        unheard = [0.0, self.settings.skip] if self.grades_skips else [0.0]
        return [*unheard, *(unheard[-1] + worth for worth in self.worths)]

    def grades(self, saved: Bools, new: Bools) -> Rows:
        """Grade what was wanted.

        Args:
            saved: [m] bool: saved, liked or added to a playlist, not only played.
            new: [m] bool: by an artist whom the listener had not played.

        Returns:
            [m] int32, from 1.
        """
        table = np.array(
            [[self._worth(saved=save, new=first) for first in (False, True)] for save in (False, True)]
        )
        worths = table[saved.astype(int), new.astype(int)]
        return np.asarray(1 + np.searchsorted(self.worths, worths), np.int32)

    def _worth(self, *, saved: bool, new: bool) -> float:
        worth = self.settings.save if saved else self.settings.play
        return worth * (1 + self.settings.discovery) if new else worth

    def worth(self, grades: Rows) -> npt.NDArray[np.float64]:
        """Return what ranking candidates of these grades on top is worth, of any shape."""
        return np.asarray(self.gains, np.float64)[grades - self.lowest]
