"""Slates of a batch of requests, as columns."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from crossfade.schema.ids import NO_ROW, Rows

Floats = npt.NDArray[np.float32]
Int8s = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Slates:
    """n slates of up to k tracks, best place first; unfilled places stand at the end.

    Args:
        rows: [n, k] int32 tracks, -1 where unfilled.
        scores: [n, k] float32 ranker's scores, -inf where unfilled; reranking may put a lower one first.
        sources: [n, k] int8 place in `SLATE_SOURCES` of who ranked the track best; `releases` where no other did; -1 unfilled.
        propensities: [n, k] float32 probability of the track at its place, 1 where it is not explored, 0 unfilled.
        reason_kinds: [n, k] int8 `ReasonKind`, 0 where there is none to show.
        reason_rows: [n, k] int32 track, artist or country of the reason's kind, -1 without.
    """

    rows: Rows
    scores: Floats
    sources: Int8s
    propensities: Floats
    reason_kinds: Int8s
    reason_rows: Rows

    def __len__(self) -> int:
        """Return the number of slates."""
        return len(self.rows)

    @classmethod
    def empty(cls, k: int) -> "Slates":
        """Return no slates."""
        shape = (0, k)
        return cls.unexplained(
            np.zeros(shape, np.int32), np.zeros(shape, np.float32), np.zeros(shape, np.int8)
        )

    @classmethod
    def unexplained(
        cls, rows: Rows, scores: Floats, sources: Int8s, propensities: Floats | None = None
    ) -> "Slates":
        """Return slates without reasons; arguments as in the class, without propensities nothing was explored."""
        nothing = np.zeros(rows.shape, np.int8), np.full(rows.shape, NO_ROW, np.int32)
        if propensities is None:
            propensities = (rows >= 0).astype(np.float32)
        return cls(rows, scores, sources, propensities, *nothing)

    @classmethod
    def room(cls, n: int, k: int) -> "Slates":
        """Return room for n slates, to be `put` there part by part; until then nothing of it means anything."""
        shape = (n, k)
        rows, scores, sources = (
            np.empty(shape, np.int32),
            np.empty(shape, np.float32),
            np.empty(shape, np.int8),
        )
        return cls(rows, scores, sources, scores.copy(), sources.copy(), rows.copy())

    def put(self, places: npt.NDArray[np.integer], part: "Slates") -> None:
        """Write the slates of a part at places [b]."""
        for each in fields(self):
            getattr(self, each.name)[places] = getattr(part, each.name)

    def slice(self, start: int, stop: int) -> "Slates":
        """Return slates start:stop (views)."""
        return Slates(*(getattr(self, each.name)[start:stop] for each in fields(self)))

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """[n] int64 filled places."""
        return np.asarray((self.rows >= 0).sum(1), np.int64)
