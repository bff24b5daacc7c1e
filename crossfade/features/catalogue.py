"""The catalogue as columns over track rows: what every model and policy reads of a track."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.arrow_files import read_table, write_table
from crossfade.schema import columns as c
from crossfade.schema.errors import InputError
from crossfade.schema.ids import NO_ROW, IdMap, Rows

GENRES_PER_TRACK: Final = 5
ARTISTS_PER_TRACK: Final = 4
UNKNOWN_DAY: Final = np.iinfo(np.int32).min
LONG_AGO: Final = -(1 << 30)
UNAVAILABLE: Final = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Catalogue:
    """Tracks in row order, held as one Arrow table; the arrays below are derived from it once.

    Args:
        table: [num_tracks] the canonical track columns, sorted by track id, plus `artist_id` (primary artist).
    """

    table: pa.Table

    @classmethod
    def load(cls, directory: Path) -> "Catalogue":
        """Read what `save` wrote."""
        return cls(read_table(directory / "tracks.arrow"))

    def save(self, directory: Path) -> None:
        """Write `tracks.arrow` into the directory."""
        write_table(self.table, directory / "tracks.arrow")

    def __len__(self) -> int:
        """Return the number of tracks."""
        return int(self.table.num_rows)

    @cached_property
    def tracks(self) -> IdMap:
        """Track ids; rows are the positions in the table."""
        return IdMap(self.table.column(c.TRACK_ID).combine_chunks())

    @cached_property
    def artists(self) -> IdMap:
        """Primary artists' ids."""
        return IdMap.of(self.table.column(c.ARTIST_ID).combine_chunks())

    @cached_property
    def contributors(self) -> IdMap:
        """All artists' ids, whether primary on any track or not; other rows than `artists`."""
        return IdMap.of(pc.list_flatten(self.table.column(c.ARTIST_IDS)).combine_chunks())

    @cached_property
    def genres(self) -> IdMap:
        """Genre names."""
        return IdMap.of(pc.list_flatten(self.table.column(c.GENRES)).combine_chunks())

    @cached_property
    def albums(self) -> IdMap:
        """Album ids."""
        return IdMap.of(self.table.column(c.ALBUM_ID).combine_chunks())

    @cached_property
    def artist_rows(self) -> Rows:
        """[num_tracks] int32 primary artist, -1 unknown."""
        return self.artists.rows(self.table.column(c.ARTIST_ID))

    @cached_property
    def album_rows(self) -> Rows:
        """[num_tracks] int32 album, -1 unknown."""
        return self.albums.rows(self.table.column(c.ALBUM_ID))

    @cached_property
    def genre_rows(self) -> Rows:
        """[num_tracks, 5] int32 genres, most typical first, padded with -1."""
        return self._padded(c.GENRES, self.genres, GENRES_PER_TRACK)

    @cached_property
    def contributor_rows(self) -> Rows:
        """[num_tracks, 4] int32 `contributors` of each track, the primary artist first, padded with -1."""
        return self._padded(c.ARTIST_IDS, self.contributors, ARTISTS_PER_TRACK)

    def _padded(self, column: str, ids: IdMap, width: int) -> Rows:
        """Return the rows [num_tracks, width] of a column of lists of ids."""
        lists = self.table.column(column).combine_chunks()
        padded = np.full((len(self), width), NO_ROW, np.int32)
        owners = pc.list_parent_indices(lists).to_numpy()
        starts = np.searchsorted(owners, np.arange(len(self)))
        places = np.arange(len(owners)) - starts[owners] if len(owners) else owners
        kept = places < width
        padded[owners[kept], places[kept]] = ids.rows(pc.list_flatten(lists))[kept]
        return padded

    @cached_property
    def release_days(self) -> Rows:
        """[num_tracks] int32 days since 1970-01-01, the smallest int32 where unknown."""
        days = self.table.column(c.RELEASE_DATE).cast(pa.int32())
        return np.asarray(pc.fill_null(days, int(UNKNOWN_DAY)).to_numpy(), np.int32)

    @cached_property
    def durations_ms(self) -> Rows:
        """[num_tracks] int32 milliseconds, -1 unknown."""
        durations = pc.fill_null(self.table.column(c.DURATION_MS), NO_ROW).to_numpy()
        return np.asarray(np.clip(durations, NO_ROW, np.iinfo(np.int32).max), np.int32)

    @cached_property
    def states(self) -> Rows:
        """[num_tracks] int32: twice the release day, plus 1 if explicit, or `UNAVAILABLE`: one read where filters need three.

        An unknown day counts as `LONG_AGO`.
        """
        days = np.where(self.release_days == UNKNOWN_DAY, LONG_AGO, self.release_days)
        return np.where(self.available, 2 * days + self.explicit, UNAVAILABLE).astype(np.int32)

    @cached_property
    def audio(self) -> npt.NDArray[np.float32]:
        """[num_tracks, num_audio_features] float32 in the order of `AUDIO_FEATURES`, NaN where missing."""
        values = [pc.fill_null(self.table.column(name), float("nan")).to_numpy() for name in c.AUDIO_FEATURES]
        return np.stack(values, axis=1).astype(np.float32)

    @cached_property
    def audio_vectors(self) -> npt.NDArray[np.float32]:
        """[num_tracks, width] float32 audio vectors, zeros where missing; width 0 when no track has one.

        Raises:
            InputError: The vectors differ in length; names a track of each length.
        """
        lists = self.table.column(c.AUDIO_VECTOR).combine_chunks()
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
        widths, first = np.unique(lengths[lengths > 0], return_index=True)
        if len(widths) > 1:
            named = self.tracks.ids.take(np.flatnonzero(lengths > 0)[first]).to_pylist()
            told = ", ".join(
                f"{width} of track {track!r}" for width, track in zip(widths, named, strict=True)
            )
            raise InputError(
                f"Audio vectors must be equally long, but their lengths are {told}; import those tracks again with "
                "vectors of one length, or without."
            )
        width = int(widths[0]) if len(widths) else 0
        vectors = np.zeros((len(self), width), np.float32)
        has_vector = pc.fill_null(pc.greater(pc.list_value_length(lists), 0), False).to_numpy(
            zero_copy_only=False
        )
        vectors[has_vector] = (
            pc.list_flatten(lists).to_numpy(zero_copy_only=False).reshape(-1, width) if width else 0
        )
        return vectors

    @cached_property
    def explicit(self) -> npt.NDArray[np.bool_]:
        """[num_tracks] bool, false where unknown."""
        return self._flags(c.EXPLICIT, missing=False)

    @cached_property
    def available(self) -> npt.NDArray[np.bool_]:
        """[num_tracks] bool, true where unknown."""
        return self._flags(c.AVAILABLE, missing=True)

    def _flags(self, column: str, *, missing: bool) -> npt.NDArray[np.bool_]:
        return np.asarray(pc.fill_null(self.table.column(column), missing).to_numpy(), np.bool_)
