"""What was listened to together, as lists of tracks: sessions, playlists, and whole histories."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Int64s
from crossfade.schema.ids import Rows

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sentences:
    """Lists of rows, one after another (a CSR layout).

    Args:
        rows: [m] int32.
        offsets: [n + 1] int64: list i stands at offsets[i]:offsets[i + 1].
        is_ordered: [n] bool: neighbours in the list belong together more than its ends do.
    """

    rows: Rows
    offsets: Int64s
    is_ordered: Bools

    def __len__(self) -> int:
        """Return the number of lists."""
        return len(self.is_ordered)

    def __add__(self, other: Self) -> "Sentences":
        """Return these lists and then the other ones."""
        return Sentences(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]]),
            np.concatenate([self.is_ordered, other.is_ordered]),
        )

    @property
    def owners(self) -> Int64s:
        """[m] int64: the list that each row stands in."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def where(self, kept: Bools) -> "Sentences":
        """Return the lists with only the rows selected by a [m] bool mask; emptied lists stay, empty."""
        counts = np.concatenate([[0], np.cumsum(kept)])
        return Sentences(self.rows[kept], counts[self.offsets], self.is_ordered)

    def counts(self, num_rows: int) -> Int64s:
        """Return [num_rows] int64: how many lists hold each row."""
        pairs = np.unique(self.owners * num_rows + self.rows)
        return np.bincount(pairs % max(num_rows, 1), minlength=num_rows)

    def of_several(self) -> "Sentences":
        """Return the lists that hold more than one row."""
        sizes = np.diff(self.offsets)
        wanted = sizes > 1
        offsets = np.concatenate([[0], np.cumsum(sizes[wanted])]).astype(np.int64)
        return Sentences(self.rows[np.repeat(wanted, sizes)], offsets, self.is_ordered[wanted])

    def shuffled(self, random: np.random.Generator) -> "Sentences":
        """Return the lists, those without order in a random one."""
        keys = np.where(np.repeat(self.is_ordered, np.diff(self.offsets)), 0.0, random.random(len(self.rows)))
        return Sentences(self.rows[np.lexsort((keys, self.owners))], self.offsets, self.is_ordered)

    def blocks(self, num_rows: int) -> Iterator["Sentences"]:
        """Cut between lists into blocks of about `num_rows` rows."""
        inner = np.searchsorted(self.offsets, np.arange(num_rows, self.offsets[-1], num_rows))
        for start, stop in pairwise(np.unique([0, *inner, len(self)])):
            first, end = self.offsets[start], self.offsets[stop]
            yield Sentences(
                self.rows[first:end], self.offsets[start : stop + 1] - first, self.is_ordered[start:stop]
            )


def grouped(rows: Rows, owners: npt.NDArray[np.integer], *, is_ordered: bool) -> Sentences:
    """Gather rows [m] by owners [m], keeping their order."""
    order = np.argsort(owners, kind="stable")
    counts = np.unique(owners, return_counts=True)[1]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Sentences(rows[order], offsets, np.full(len(counts), is_ordered))


def sentences_of(dataset: Dataset) -> Sentences:
    """Return what a dataset's listeners put together, as lists of tracks.

    These are each session's positive tracks, in order where there are timestamps, and as sets each playlist and each
    listener's whole history.
    """
    liked, playlists = dataset.interactions.where(dataset.interactions.positive), dataset.playlists
    return (
        grouped(liked.track_rows, liked.sessions, is_ordered=dataset.split.has_time)
        + grouped(playlists.track_rows, playlists.owners, is_ordered=False)
        + grouped(liked.track_rows, liked.user_rows, is_ordered=False)
    )
