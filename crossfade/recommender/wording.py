"""Kinds of reason and their words; words are made at the edge, columns carry kinds and rows."""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.catalogue import Catalogue
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, IdMap, Rows
from crossfade.schema.texts import Texts


class ReasonKind(IntEnum):
    """Why a track stands where it stands; the row that goes with it is named in brackets."""

    NONE = 0  # nothing that would be true enough to show
    LISTENED_TRACK = 1  # because of listens of one track [track]
    ARTIST = 2  # because of listens of its artist [artist]
    SIMILAR_LISTENERS = 3  # because of the whole history; no single listen decides
    POPULAR = 4  # because it is popular [country, -1 everywhere]
    NEW_RELEASE = 5  # a new release, because of listens of its artist [artist]


@dataclass(frozen=True)
class Wording:
    """Turns reasons into sentences.

    Args:
        catalogue: Titles and artists' names.
        countries: Country codes by row.
    """

    catalogue: Catalogue
    countries: IdMap

    def texts(self, kinds: npt.NDArray[np.int8], rows: Rows) -> pa.Array:
        """Return [m] texts of reasons [m], empty where there is none."""
        texts = pa.array([""] * len(kinds), pa.string())
        for kind in set(kinds.tolist()) - {ReasonKind.NONE}:
            mask = kinds == kind
            texts = pc.replace_with_mask(texts, pa.array(mask), self._sentences(kind, rows[mask]))
        return texts

    def _sentences(self, kind: int, rows: Rows) -> pa.Array:
        match kind:
            case ReasonKind.LISTENED_TRACK:
                return _joined("Because you played ", self.track_names(rows))
            case ReasonKind.ARTIST:
                return _joined("You listen to ", self.artist_names(rows))
            case ReasonKind.NEW_RELEASE:
                return _joined("New from an artist you listen to: ", self.artist_names(rows))
            case ReasonKind.POPULAR:
                codes = self.countries.ids.take(_indices(rows))
                return pc.coalesce(_joined("Popular in ", codes.cast(pa.string())), "Popular now")
            case _:
                return pa.array(np.full(len(rows), "Listeners with your taste play it", object), pa.string())

    def track_names(self, rows: Rows) -> pa.Array:
        """Return [m] "title by artist", with the track id where a title is unknown; -1 is null."""
        indices = _indices(rows)
        titles, ids = self.titles.take(indices), self.catalogue.tracks.ids.take(indices)
        artists = self._artist_names_of_tracks(indices)
        known = pc.coalesce(titles, ids)
        return pc.coalesce(pc.binary_join_element_wise(known, artists, " by "), known)

    def ids_at(self, rows: Rows) -> list[str]:
        """Return the ids of track rows [m], none of them -1."""
        return cast("list[str]", self._ids.at(rows))

    def titles_at(self, rows: Rows) -> list[str | None]:
        """Return the titles of track rows [m], none of them -1; None where unknown."""
        return self._titles.at(rows)

    def artists_at(self, rows: Rows) -> list[str | None]:
        """Return `artist_names` of a slate's few rows [m] sooner."""
        is_known = rows >= 0
        tracks = self._first_tracks[rows[is_known]]
        names = self._names.at(tracks)
        if None in names:
            ids = self._artist_ids.at(tracks)
            names = [own if name is None else name for name, own in zip(names, ids, strict=True)]
        if len(names) == len(rows):
            return names
        found = iter(names)
        return [next(found) if known else None for known in is_known.tolist()]

    def artist_names(self, rows: Rows) -> pa.Array:
        """Return [m] names of artist rows [m], with the artist id where a name is unknown; -1 is null."""
        tracks = self._first_tracks if len(self._first_tracks) else np.full(1, NO_ROW, np.int32)
        first_tracks = np.where(rows >= 0, tracks[rows], np.int32(NO_ROW))
        return self._artist_names_of_tracks(_indices(first_tracks))

    def _artist_names_of_tracks(self, indices: pa.Array) -> pa.Array:
        names, ids = self._artists
        found = names.take(indices)
        return pc.coalesce(found, ids.take(indices)) if found.null_count else found

    @cached_property
    def titles(self) -> pa.Array:
        """[num_tracks] titles, null where unknown."""
        return _whole(self.catalogue, c.TITLE)

    @cached_property
    def _ids(self) -> Texts:
        return Texts.of(self.catalogue.tracks.ids)

    @cached_property
    def _titles(self) -> Texts:
        return Texts.of(self.titles)

    @cached_property
    def _names(self) -> Texts:
        return Texts.of(self._artists[0])

    @cached_property
    def _artist_ids(self) -> Texts:
        return Texts.of(self._artists[1])

    @cached_property
    def _artists(self) -> tuple[pa.Array, pa.Array]:
        """[num_tracks] names and ids of primary artists."""
        return _whole(self.catalogue, c.ARTIST_NAME), _whole(self.catalogue, c.ARTIST_ID)

    @cached_property
    def _first_tracks(self) -> Rows:
        """[num_artists] int32: a track of each artist."""
        artists, first = np.unique(self.catalogue.artist_rows, return_index=True)
        return np.asarray(first[artists >= 0], np.int32)


def _joined(start: str, ends: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(start, ends, "")


def _indices(rows: Rows) -> pa.Array:
    is_missing = np.asarray(rows) < 0
    return pa.array(rows, pa.int32(), mask=is_missing if is_missing.any() else None)


def _whole(catalogue: Catalogue, column: str) -> pa.Array:
    """Return a column as one array, which is read five times as fast as one in chunks."""
    return catalogue.table.column(column).combine_chunks()
