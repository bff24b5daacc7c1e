"""Features of what is left of histories when some entries are taken out: those of the histories that are left, in one walk.

A history that is judged without one artist, then without the next, is nearly the same each time. Cut anew, it would be copied
and counted by a dozen passes; `ranking_features` of such histories is what tests hold this against.
"""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from crossfade.features.affinities import (
    ARTIST_TALLIES,
    GENRE_COSINES,
    LAST_OF_SESSION,
    LAST_POSITIVES,
    Columns,
    Room,
    vector_cosines,
)
from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Int64s, Queries
from crossfade.features.lookups import NEVER
from crossfade.features.user_statistics import UserStatistics
from crossfade.features.vectors import TrackVectors
from crossfade.schema.ids import NO_ROW, Rows

# Of the mass of a genre; less is what rounding leaves where nobody heard it any more.
NOTHING: Final = 1e-9
TALLIES: Final = 6  # of an artist plays, strength, the latest second, entries of the last session, entries; of the album plays


@dataclass(frozen=True)
class Left:
    """What is left of histories, m times.

    Args:
        queries: n queries with whole histories.
        owners: [m] int64, the query whose history it is.
        offsets: [m + 1] int64; entries[offsets[i]:offsets[i + 1]] of the queries are taken out.
        entries: [e] int64, rising within each.
    """

    queries: Queries
    owners: Int64s
    offsets: Int64s
    entries: Int64s

    @property
    def columns(self) -> tuple[Int64s, Int64s, Int64s]:
        """Owners, offsets and entries, for kernels."""
        return self.owners, self.offsets, self.entries


def features_of_left(
    left: Left,
    as_of: Int64s,
    of_candidates: tuple[Rows, Rows, Rows],
    catalogue: Catalogue,
    track_vectors: TrackVectors,
    room: Room,
    *,
    has_time: bool,
) -> tuple[UserStatistics, Columns]:
    """Return counts of users, and how near candidates are, as `affinities` says it of whole histories.

    Args:
        left: m histories.
        as_of: [m] int64 seconds.
        of_candidates: Tracks, artists and albums [m, c] int32, -1 unknown or padded.
        catalogue: The tracks.
        track_vectors: [num_tracks, dim] of length 1.
        room: Where columns are written.
        has_time: Whether times mean something.
    """
    rows, artists, albums = of_candidates
    queries, num = left.queries, len(left.owners)
    counts = np.empty((3, num), np.int64), np.empty(num), np.empty((2, num), np.int64)
    last = np.full((2, num, max(LAST_POSITIVES, LAST_OF_SESSION)), NO_ROW, np.int32)
    tallies = np.zeros((*rows.shape, TALLIES))
    history = (queries.offsets, queries.track_rows, queries.seconds, queries.strengths, queries.sessions)
    tracks = (catalogue.artist_rows, catalogue.album_rows, np.zeros(len(catalogue.artists) + 1, np.int32))
    _count((history, left.columns, tracks), (artists, albums, tallies), counts, last)
    (listens, plays, distinct), skips, (latest, newest) = counts
    of_artists, of_albums = room(ARTIST_TALLIES), np.empty(rows.shape, np.float32)
    logs = np.log1p(np.arange(queries.longest + 1, dtype=np.float32))
    _tell(tallies, (listens, as_of, logs), of_artists, of_albums)
    if not has_time:
        of_artists[3] = np.nan
    cosines = room(GENRE_COSINES)
    _compare_genres(left, newest, rows, catalogue, cosines)
    recent = last[0, :, :LAST_POSITIVES], last[1, :, :LAST_OF_SESSION]
    return UserStatistics(listens, plays, skips, distinct, latest), {
        **dict(zip(ARTIST_TALLIES, of_artists, strict=True)),
        "user_album_listens_log": of_albums,
        **dict(zip(GENRE_COSINES, cosines, strict=True)),
        **vector_cosines(recent, rows, track_vectors, room),
    }


@numba.njit(cache=True, nogil=True)
def _count(left, asked, counts, last):  # type: ignore[no-untyped-def]
    """Walk each history back from its end: fill counts [m], tallies [m, c, 6] and last tracks [2, m, 20].

    Counts are [3, m] listens, plays and artists; skips; and [2, m] the last second and the last wanted entry, -1 without any.
    `known` of an artist, or of none, is one past the last claim that came upon it; 0 before.
    """
    (offsets, tracks, seconds, strengths, sessions), (owners, ends, gone), of_tracks = left
    (artist_rows, album_rows, known), (artists, albums, tallies) = of_tracks, asked
    (numbers, skips, moments), most = counts, last.shape[2]
    for claim in range(len(owners)):
        at, num_liked, num_played, num_artists, same = ends[claim + 1] - 1, 0, 0, 0, 0
        first, final, newest, skipped = offsets[owners[claim]], NO_ROW, NO_ROW, 0.0
        width = _width(artists[claim], albums[claim])
        for entry in range(offsets[owners[claim] + 1] - 1, first - 1, -1):
            if at >= ends[claim] and gone[at] == entry:
                at -= 1
                continue
            track, strength = tracks[entry], strengths[entry]
            artist, final = artist_rows[track], max(final, entry)
            num_played, skipped = num_played + 1, skipped + max(-strength, np.float32(0))
            if strength > 0:
                newest = max(newest, entry)
                if num_liked < most:
                    last[0, claim, num_liked] = track
                if same < most and sessions[entry] == sessions[newest]:
                    last[1, claim, same], same = track, same + 1
                num_liked, num_artists = num_liked + 1, num_artists + (known[artist + 1] <= claim)
                known[artist + 1] = claim + 1
            told = (artist, album_rows[track], strength, seconds[entry], sessions[entry] == sessions[final])
            for place in range(width):
                _tally(told, artists[claim, place], albums[claim, place], tallies, claim, place)
        numbers[0, claim], numbers[1, claim], numbers[2, claim] = num_liked, num_played, num_artists
        skips[claim], moments[1, claim] = skipped, newest
        moments[0, claim] = seconds[final] if final >= 0 else NEVER


@numba.njit(cache=True, nogil=True)
def _width(artists, albums):  # type: ignore[no-untyped-def]
    """Return one past the last candidate of which artist or album is known."""
    width = 0
    for place in range(len(artists)):
        width = place + 1 if artists[place] >= 0 or albums[place] >= 0 else width
    return width


@numba.njit(cache=True, nogil=True)
def _tally(entry, by, of, tallies, claim, place):  # type: ignore[no-untyped-def]
    """Add an entry to the tallies of a candidate by the same artist, and of the same album."""
    artist, album, strength, second, in_session = entry
    if artist >= 0 and by == artist:
        is_first = tallies[claim, place, 4] == 0
        tallies[claim, place, 0] += strength > 0
        tallies[claim, place, 1] += strength
        tallies[claim, place, 2] = second if is_first else max(second, tallies[claim, place, 2])
        tallies[claim, place, 3] += in_session
        tallies[claim, place, 4] += 1
    if strength > 0 and album >= 0 and of == album:
        tallies[claim, place, 5] += 1


@numba.njit(cache=True, nogil=True)
def _tell(tallies, about, of_artists, of_albums):  # type: ignore[no-untyped-def]
    """Fill features [5, m, c] of artists and [m, c] of albums from tallies, as `tallies.py` tells them."""
    listens, as_of, logs = about
    for claim in range(tallies.shape[0]):
        for place in range(tallies.shape[1]):
            plays = tallies[claim, place, 0]
            of_artists[0, claim, place] = logs[int(plays)]
            of_artists[1, claim, place] = tallies[claim, place, 1]
            of_artists[2, claim, place] = plays / max(listens[claim], 1)
            of_artists[3, claim, place] = np.nan
            if tallies[claim, place, 4] > 0:
                of_artists[3, claim, place] = (as_of[claim] - tallies[claim, place, 2]) / SECONDS_PER_DAY
            of_artists[4, claim, place] = tallies[claim, place, 3] > 0
            of_albums[claim, place] = logs[int(tallies[claim, place, 5])]


def _compare_genres(left: Left, newest: Int64s, rows: Rows, catalogue: Catalogue, cosines: Floats) -> None:
    """Fill cosines [2, m, c] of candidates' genres with those of all that is wanted, and of the last session's."""
    queries, num_genres = left.queries, len(catalogue.genres)
    history = (queries.offsets, queries.track_rows, queries.strengths, queries.sessions)
    scratch = np.zeros((3, num_genres)), np.empty(num_genres, np.int32)
    cosines[:] = np.nan
    _lean((history, left.columns, newest), (rows, catalogue.genre_rows), scratch, cosines)


@numba.njit(cache=True, nogil=True)
def _lean(left, candidates, scratch, cosines):  # type: ignore[no-untyped-def]
    """Fill cosines [2, m, c]; masses of genres are of an owner's whole history, of what is left, and of the last session."""
    (history, (owners, ends, gone), newest), (masses, heard), known, count = (
        left,
        scratch,
        np.int64(NO_ROW),
        0,
    )
    (offsets, tracks, strengths, _), genre_rows = history, candidates[1]
    for claim in range(len(owners)):
        if owners[claim] != known:  # claims of one owner mostly stand together
            for place in range(count):
                masses[:, heard[place]] = 0
            known, count = owners[claim], 0
            for entry in range(offsets[known], offsets[known + 1]):
                if strengths[entry] > 0:
                    count = _add(genre_rows, tracks[entry], 1.0, masses[0], heard, count)
        for place in range(count):
            masses[1, heard[place]], masses[2, heard[place]] = masses[0, heard[place]], 0
        for i in range(ends[claim], ends[claim + 1]):
            if strengths[gone[i]] > 0:
                _add(genre_rows, tracks[gone[i]], -1.0, masses[1], heard, -1)
        if newest[claim] >= 0:
            _add_session(history, (newest[claim], offsets[known], gone, ends, claim), genre_rows, masses[2])
        _compare(candidates, claim, (masses, heard, count), cosines)


@numba.njit(cache=True, nogil=True)
def _add(genre_rows, track, times, mass, heard, count):  # type: ignore[no-untyped-def]
    """Add a track's genres to a mass; notes and counts genres that are new to it, unless count is below 0."""
    for i in range(genre_rows.shape[1]):
        genre = genre_rows[track, i]
        if genre >= 0:
            if count >= 0 and mass[genre] == 0:
                heard[count] = genre
                count += 1
            mass[genre] += times / (1 + i)
    return count


@numba.njit(cache=True, nogil=True)
def _add_session(history, claim, genre_rows, mass):  # type: ignore[no-untyped-def]
    """Add the genres of what is wanted and left in the session of the newest such entry."""
    (_, tracks, strengths, sessions), (newest, first, gone, ends, number) = history, claim
    for entry in range(newest, first - 1, -1):
        if sessions[entry] == sessions[newest] and strengths[entry] > 0:
            is_gone = False
            for i in range(ends[number], ends[number + 1]):
                is_gone |= gone[i] == entry
            if not is_gone:
                _add(genre_rows, tracks[entry], 1.0, mass, genre_rows[0], -1)


@numba.njit(cache=True, nogil=True)
def _compare(candidates, claim, known, cosines):  # type: ignore[no-untyped-def]
    """Fill a claim's cosines where history and track have genres."""
    (rows, genre_rows), (masses, heard, count), all_squares, session_squares = candidates, known, 0.0, 0.0
    for place in range(count):
        genre = heard[place]
        masses[1, genre] = masses[1, genre] if masses[1, genre] > NOTHING else 0.0
        all_squares += masses[1, genre] ** 2
        session_squares += masses[2, genre] ** 2
    for place in range(rows.shape[1]):
        track = rows[claim, place]
        with_all, with_session, squares = 0.0, 0.0, 0.0
        for i in range(genre_rows.shape[1] if track >= 0 else 0):
            genre, weight = genre_rows[track, i], 1.0 / (1 + i)
            if genre >= 0:
                squares += weight * weight
                with_all += masses[1, genre] * weight
                with_session += masses[2, genre] * weight
        if squares > 0 and all_squares > 0:
            cosines[0, claim, place] = with_all / np.sqrt(all_squares * squares)
        if squares > 0 and session_squares > 0:
            cosines[1, claim, place] = with_session / np.sqrt(session_squares * squares)
