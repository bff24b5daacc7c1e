"""The kernels behind `session_features`: one pass over a history for what is said of it, one over the candidates.

Numba infers types, so its functions carry none. A history is (offsets, tracks, seconds, strengths, sessions) of all queries.
"""

from typing import Final

import numba
import numpy as np

from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.features.tallies import slot_of

# Of an artist or a track in a history: wanted plays, those of the session, its skips in the session, how many wanted plays
# there were up to its own last one (0 without), its latest second, and its summed strength.
WANTED: Final = 0
RUNNING: Final = 1
SKIPS: Final = 2
LAST_WANTED: Final = 3
LATEST: Final = 4
STRENGTH: Final = 5
NUM_TALLIES: Final = 6


@numba.njit(cache=True, nogil=True)
def fill(histories, moments, candidates, scratch, found):  # type: ignore[no-untyped-def]
    """Fill found with features [16, n, c] and the last wanted track of each session [n], which stays as it is without one.

    Args:
        histories: Of n queries.
        moments: As of when [n], and whether times mean something.
        candidates: Tracks [n, c], -1 padded, and the artists and albums of all tracks.
        scratch: A table, names and tallies of the longest history, and log(1 + count) as float64 and as float32.
        found: To write to.
    """
    (as_of, has_time), (rows, (artist_rows, album_rows)), (tallied, logs) = moments, candidates, scratch
    features, lasts = found
    for query in range(len(rows)):
        counts, last = _count(histories, query, artist_rows)
        artist, album = np.int32(-1), np.int32(-1)
        if last >= 0:
            lasts[query] = last
            artist, album = artist_rows[last], album_rows[last]
        num_artists = _tally(histories, query, artist_rows, tallied)
        at_all = _distinct(tallied[2][:num_artists], RUNNING) + (counts[4] > 0)
        run = _run(histories, query, artist_rows, artist)
        _of_artists(rows[query], artist_rows, (counts, artist, run), (tallied, logs), features[:, query])
        num_tracks = _tally(histories, query, artist_rows[:0], tallied)
        of_tracks = tallied[2][:num_tracks]
        distinct = at_all, _distinct(of_tracks, RUNNING), _distinct(of_tracks, WANTED)
        now = as_of[query] if has_time else np.int64(-1)
        _of_tracks(
            rows[query], (album_rows, album), (counts, now, has_time), (tallied, logs), features[:, query]
        )
        _of_history(counts, distinct, logs[0], features[:5, query])


@numba.njit(cache=True, nogil=True)
def _count(histories, query, artist_rows):  # type: ignore[no-untyped-def]
    """Count a history, and find the last wanted track of its last session, -1 without one.

    Counted are wanted plays, those of the session, the session's entries, those at its end that were skipped early, and its
    wanted plays of unknown artists.
    """
    offsets, tracks, _, strengths, sessions = histories
    wanted, running, entries, kept, unknown, last = 0, 0, 0, 0, 0, np.int32(-1)
    end = offsets[query + 1]
    for entry in range(offsets[query], end):
        is_wanted = strengths[entry] > 0
        wanted += is_wanted
        if sessions[entry] != sessions[end - 1]:
            continue
        entries += 1
        if strengths[entry] >= 0:
            kept = entries
        if is_wanted:
            running += 1
            last = tracks[entry]
            unknown += artist_rows[last] < 0
    return (wanted, running, entries, entries - kept, unknown), last


@numba.njit(cache=True, nogil=True)
def _run(histories, query, artist_rows, artist):  # type: ignore[no-untyped-def]
    """Return how many wanted plays at the end of the last session are of an artist."""
    offsets, tracks, _, strengths, sessions = histories
    end, run = offsets[query + 1], 0
    for entry in range(offsets[query], end):
        if strengths[entry] > 0 and sessions[entry] == sessions[end - 1]:
            run = run + 1 if artist_rows[tracks[entry]] == artist else 0
    return run


@numba.njit(cache=True, nogil=True)
def _tally(histories, query, names_of_tracks, tallied):  # type: ignore[no-untyped-def]
    """Fill tallies by what the tracks of a history are named by, -1 left out, or by themselves where that is empty.

    Returns how many names there are.
    """
    offsets, tracks, seconds, strengths, sessions = histories
    table, names, tallies = tallied
    table[:] = -1
    end, count, wanted = offsets[query + 1], 0, 0
    for entry in range(offsets[query], end):
        is_wanted = strengths[entry] > 0
        wanted += is_wanted
        name = names_of_tracks[tracks[entry]] if len(names_of_tracks) else tracks[entry]
        if name < 0:
            continue
        slot = slot_of(name, names, table)
        if table[slot] < 0:
            table[slot], names[count] = count, name
            tallies[count] = 0.0
            tallies[count, LATEST] = seconds[entry]
            count += 1
        tally, in_session = tallies[table[slot]], sessions[entry] == sessions[end - 1]
        tally[WANTED] += is_wanted
        tally[RUNNING] += is_wanted and in_session
        tally[SKIPS] += strengths[entry] < 0 and in_session
        tally[LAST_WANTED] = wanted if is_wanted else tally[LAST_WANTED]
        tally[LATEST] = max(tally[LATEST], np.float64(seconds[entry]))
        tally[STRENGTH] += np.float64(strengths[entry])
    return count


@numba.njit(cache=True, nogil=True)
def _distinct(tallies, column):  # type: ignore[no-untyped-def]
    """Count names with anything in a column."""
    count = 0
    for name in range(len(tallies)):
        count += tallies[name, column] > 0
    return count


@numba.njit(cache=True, nogil=True)
def _of_artists(rows, artist_rows, session, known, features):  # type: ignore[no-untyped-def]
    """Fill features 5, 6 and 8 to 10 [16, c] by the artists of candidates."""
    (counts, last, run), ((table, names, tallies), (logs, logs32)) = session, known
    for place in range(len(rows)):
        artist, at = artist_rows[rows[place]] if rows[place] >= 0 else np.int32(-1), -1
        if artist >= 0:
            at = table[slot_of(artist, names, table)]
        is_last = at >= 0 and artist == last
        features[5, place] = tallies[at, RUNNING] / max(counts[1], 1) if at >= 0 else 0.0
        features[6, place] = is_last
        features[8, place] = logs[run] if is_last else 0.0
        features[9, place] = np.float32(np.nan)
        if at >= 0 and tallies[at, LAST_WANTED] > 0:
            features[9, place] = logs32[counts[0] - np.int64(tallies[at, LAST_WANTED])]
        features[10, place] = tallies[at, SKIPS] if at >= 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _of_tracks(rows, albums, session, known, features):  # type: ignore[no-untyped-def]
    """Fill feature 7 [16, c] by the albums of candidates, and 11 to 15 by the candidates themselves."""
    (album_rows, last), (counts, now, has_time), ((table, names, tallies), (_, logs32)) = (
        albums,
        session,
        known,
    )
    for place in range(len(rows)):
        track = rows[place]
        at = table[slot_of(track, names, table)] if track >= 0 else -1
        features[7, place] = track >= 0 and last >= 0 and album_rows[track] == last
        features[11, place] = features[12, place] = features[15, place] = 0.0
        features[13, place] = features[14, place] = np.float32(np.nan)
        if at < 0:
            continue
        tally = tallies[at]
        features[11, place] = logs32[np.int64(tally[WANTED])]
        features[12, place] = tally[RUNNING]
        if tally[LAST_WANTED] > 0:
            features[13, place] = logs32[counts[0] - np.int64(tally[LAST_WANTED])]
        if has_time:
            features[14, place] = (now - np.int64(tally[LATEST])) / SECONDS_PER_DAY
        features[15, place] = tally[STRENGTH]


@numba.njit(cache=True, nogil=True)
def _of_history(counts, distinct, logs, features):  # type: ignore[no-untyped-def]
    """Fill the first features [5, c] by what kind of session, and of listener, this is."""
    wanted, running, _, streak, _ = counts
    artists, tracks, all_tracks = distinct
    features[0], features[2] = logs[running], streak
    features[1] = artists / running if running > 0 else np.nan
    features[3] = 1 - tracks / running if running > 0 else np.nan
    features[4] = 1 - all_tracks / wanted if wanted > 0 else np.nan
