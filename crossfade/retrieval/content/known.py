"""What training has learnt of tracks, as the cold paths see it; some of it may be hidden from them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Floats, Int64s
from crossfade.retrieval.content.likeness import Likeness, audio_numbers
from crossfade.retrieval.sparse import Matrix
from crossfade.schema import columns as c
from crossfade.schema.ids import IdMap, Rows

Bools = npt.NDArray[np.bool_]

# A level of evidence ends where a track's artists have so many known tracks; the last level has no end.
LEVEL_ENDS: Final = (0, 1, 3, 7, 15)
NUM_LEVELS: Final = len(LEVEL_ENDS) + 1


@dataclass(frozen=True)
class Known:
    """A catalogue and the vectors of those of its tracks that training has learnt.

    Args:
        catalogue: All tracks.
        tokens: [num_tracks, 16] int32 words of each track, as of `track_tokens`.
        rows: [m] int32 learnt tracks, sorted.
        vectors: [m, dim] float32 of length 1.
        listens: [m] float32 positive listens that they were learnt from.
    """

    catalogue: Catalogue
    tokens: Rows
    rows: Rows
    vectors: Floats
    listens: Floats

    def without(self, hidden: Bools) -> Self:
        """Return the same, with those learnt tracks hidden that a [num_tracks] bool marks."""
        shown = ~hidden[self.rows]
        parts = self.rows[shown], self.vectors[shown], self.listens[shown]
        return replace(self, rows=parts[0], vectors=parts[1], listens=parts[2])

    @cached_property
    def mask(self) -> Bools:
        """[num_tracks] bool: learnt and not hidden."""
        mask = np.zeros(len(self.catalogue), np.bool_)
        mask[self.rows] = True
        return mask

    @cached_property
    def audio(self) -> Floats:
        """[num_tracks, num_numbers] float32, standardised over the known tracks; see `audio_numbers`."""
        return audio_numbers(self.catalogue, self.rows)

    @cached_property
    def likeness(self) -> Likeness:
        """How alike tracks are by their content."""
        return Likeness.of(self.catalogue, self.rows, self.audio)

    @cached_property
    def artists(self) -> Matrix:
        """Sparse [num_tracks, num_all_artists] float32, 1 where a track is by an artist, guests included."""
        lists = self.catalogue.table.column(c.ARTIST_IDS).combine_chunks()
        primary, guests = self.catalogue.table.column(c.ARTIST_ID).combine_chunks(), pc.list_flatten(lists)
        artists = IdMap.of(pa.concat_arrays([guests, primary]))
        columns = np.concatenate([artists.rows(guests), artists.rows(primary)])
        owners = np.concatenate([pc.list_parent_indices(lists).to_numpy(), np.arange(len(lists))])
        named = columns >= 0
        entries = (np.ones(named.sum(), np.float32), (owners[named], columns[named]))
        matrix = scipy.sparse.csr_matrix(entries, (len(lists), max(len(artists), 1)))
        matrix.data[:] = 1
        return matrix

    def levels(self, tracks: Rows) -> Int64s:
        """Return [n] int64 how much is known of the artists of tracks [n], themselves left out.

        0: nothing, 1: one track, 2: two or three, and so on by `LEVEL_ENDS`.
        """
        by_artist = np.asarray(self.artists[self.rows].sum(axis=0)).ravel()
        own = self.artists[tracks]
        others = own @ by_artist - np.diff(own.indptr) * self.mask[tracks]
        return np.asarray(np.searchsorted(LEVEL_ENDS, others), np.int64)
