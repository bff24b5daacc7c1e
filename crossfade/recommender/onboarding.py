"""What a listener picks when signing up, artists and genres, as tracks that stand in for a history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Int64s, Queries
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, Rows

TRACKS_PER_ARTIST: Final = 3  # the most heard stand for an artist
TRACKS_PER_GENRE: Final = 5  # ... and for a genre, which is wider
PICK_STRENGTH: Final = 1.0  # a stand-in counts as one listen, so that the first real ones soon outweigh it


@dataclass(frozen=True)
class Picks:
    """Tracks that stand for what n requests picked; they shape taste, but count as heard nowhere.

    Args:
        offsets: [n + 1] int64; request i has track_rows[offsets[i]:offsets[i + 1]].
        track_rows: [m] int32.
    """

    offsets: Int64s
    track_rows: Rows

    def take(self, places: Int64s) -> "Picks":
        """Return the picks of requests at places [b], in that order."""
        counts = np.diff(self.offsets)[places]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        entries = np.repeat(self.offsets[:-1][places] - offsets[:-1], counts) + np.arange(offsets[-1])
        return Picks(offsets, self.track_rows[entries])

    def before(self, queries: Queries) -> Queries:
        """Return the queries with the picks as the oldest part of each history, one session of plays."""
        counts = np.diff(self.offsets)
        owners = np.repeat(np.arange(len(queries)), counts)
        starts = queries.offsets[:-1]
        has_history = np.diff(queries.offsets) > 0
        first = queries.as_of.copy()
        first[has_history] = queries.seconds[starts[has_history]]
        number = int(queries.sessions.max(initial=NO_ROW)) + 1
        at = starts[owners]
        return replace(
            queries,
            offsets=queries.offsets + self.offsets,
            track_rows=np.insert(queries.track_rows, at, self.track_rows),
            seconds=np.insert(queries.seconds, at, first[owners] - 1),
            strengths=np.insert(queries.strengths, at, np.float32(PICK_STRENGTH)),
            sessions=np.insert(queries.sessions, at, (number + owners).astype(np.int32)),
        )


def picks_of(
    artists: Sequence[Sequence[str]], genres: Sequence[Sequence[str]], dataset: Dataset
) -> tuple[Picks, tuple[str, ...]]:
    """Turn picks into their most heard tracks.

    Args:
        artists: Ids or names of artists, for each of n requests; names in any case.
        genres: Names of genres in any case, for each.
        dataset: Catalogue, and the listening that tells which tracks are heard most.

    Returns:
        The picks, no track twice in a request, and the names that the catalogue does not know, each once.
    """
    if not any(map(len, (*artists, *genres))):
        return Picks(np.zeros(len(artists) + 1, np.int64), np.zeros(0, np.int32)), ()
    catalogue, acts = dataset.catalogue, dataset.interactions
    listens = np.bincount(acts.track_rows[acts.positive], minlength=len(catalogue))
    artist_rows, genre_rows = _artist_rows(catalogue, artists), _genre_rows(catalogue, genres)
    of_artists = _most_heard(artist_rows, catalogue.artist_rows[:, None], listens, TRACKS_PER_ARTIST)
    of_genres = _most_heard(genre_rows, catalogue.genre_rows, listens, TRACKS_PER_GENRE)
    chosen = [
        list(dict.fromkeys([*_joined(of_artists, picked), *_joined(of_genres, also)]))
        for picked, also in zip(artists, genres, strict=True)
    ]
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in chosen])]).astype(np.int64)
    unknown = [name for rows in (artist_rows, genre_rows) for name, row in rows.items() if row < 0]
    return Picks(offsets, np.array([row for rows in chosen for row in rows], np.int32)), tuple(unknown)


def _joined(tracks: Mapping[str, list[int]], names: Sequence[str]) -> list[int]:
    return [track for name in names for track in tracks[name]]


def _distinct(picked: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(name for names in picked for name in names))


def _artist_rows(catalogue: Catalogue, picked: Sequence[Sequence[str]]) -> dict[str, int]:
    """Find artists by id, else by name; -1 where there is none."""
    names = _distinct(picked)
    rows = dict(zip(names, catalogue.artists.rows(names).tolist(), strict=True))
    unknown = [name for name, row in rows.items() if row < 0]
    if unknown:
        titled = pc.utf8_lower(catalogue.table.column(c.ARTIST_NAME).combine_chunks())
        places = pc.index_in(pa.array([name.lower() for name in unknown], pa.string()), value_set=titled)
        for name, place in zip(unknown, places.to_pylist(), strict=True):
            rows[name] = NO_ROW if place is None else int(catalogue.artist_rows[place])
    return rows


def _genre_rows(catalogue: Catalogue, picked: Sequence[Sequence[str]]) -> dict[str, int]:
    names = _distinct(picked)
    lower = [name.lower() for name in names]
    in_lower = pc.utf8_lower(catalogue.genres.ids)
    found = pc.fill_null(pc.index_in(pa.array(lower, pa.string()), value_set=in_lower), NO_ROW)
    return dict(zip(names, found.to_pylist(), strict=True))


def _most_heard(rows: dict[str, int], of_tracks: Rows, listens: Int64s, most: int) -> dict[str, list[int]]:
    """Return, for each name, up to `most` tracks that have its row among `of_tracks` [num_tracks, g]."""
    found = {}
    for name, row in rows.items():
        tracks = np.flatnonzero((of_tracks == row).any(axis=1)) if row >= 0 else np.zeros(0, np.int64)
        found[name] = tracks[np.argsort(-listens[tracks], kind="stable")[:most]].tolist()
    return found
