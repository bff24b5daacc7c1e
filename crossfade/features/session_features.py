"""Where a candidate stands to the running session, and when it was played before: what the next track depends on."""

import numpy as np
import numpy.typing as npt

from crossfade.features.affinities import Columns, products
from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Queries
from crossfade.features.pairs import Pairs, at
from crossfade.schema.ids import Rows

Doubles = npt.NDArray[np.float64]


def session_features(
    queries: Queries, rows: Rows, catalogue: Catalogue, track_vectors: Floats, *, has_time: bool
) -> Columns:
    """Compute `SESSION_FEATURES`; the session is the one of a query's last entry.

    Args:
        queries: n queries.
        rows: [n, c] int32 tracks, no padding.
        catalogue: The tracks.
        track_vectors: [num_tracks, dim] float32 of length 1.
        has_time: Whether times mean something.

    Returns:
        Feature -> [n, c] or [n, 1]: 0 for what was not played, NaN for times of it and for shares of nothing.
    """
    session = queries.keep(queries.in_last_session)
    last = session.positives.last_tracks(1)
    return {
        **_of_histories(queries, session, catalogue),
        **_of_artists(queries, session, rows, catalogue),
        **_of_tracks(queries, session, rows, len(catalogue), has_time=has_time),
        "last_track_vector_cosine": _cosines(rows, last, track_vectors),
    }


def _of_histories(queries: Queries, session: Queries, catalogue: Catalogue) -> Columns:
    """Return what kind of session, and of listener, this is, [n, 1]."""
    running = session.positives
    columns = {
        "session_listens_log": np.log1p(np.diff(running.offsets)),
        "session_artists_per_listen": _distinct_share(running, catalogue.artist_rows[running.track_rows]),
        "session_skip_streak": _skip_streak(session),
        "session_repeat_share": 1 - _distinct_share(running, running.track_rows),
        "user_repeat_share": 1 - _distinct_share(queries.positives, queries.positives.track_rows),
    }
    return {name: values[:, None] for name, values in columns.items()}


def _distinct_share(entries: Queries, columns: Rows) -> Doubles:
    """Return the number of distinct columns [m] of each query by its number of entries, NaN without any: [n]."""
    pairs = Pairs.of(entries.owners, columns + np.int32(1), int(columns.max(initial=0)) + 2)
    distinct, counts = np.bincount(pairs.owners, minlength=len(entries)), np.diff(entries.offsets)
    return np.where(counts > 0, distinct / np.maximum(counts, 1), np.nan)


def _skip_streak(session: Queries) -> npt.NDArray[np.int64]:
    """Return how many entries at the end of each session were skipped early, [n]."""
    streaks, kept = np.diff(session.offsets), session.strengths >= 0
    np.minimum.at(streaks, session.owners[kept], session.places_from_end[kept])
    return streaks


def _of_artists(queries: Queries, session: Queries, rows: Rows, catalogue: Catalogue) -> Columns:
    """Return how the candidate's artist and album stand to what was just played, [n, c]."""
    liked, running = queries.positives, session.positives
    artists = catalogue.artist_rows[rows]
    last = running.last_tracks(1)
    is_last = _equal(artists, catalogue.artist_rows, last)
    tracks_since = _latest(liked, catalogue.artist_rows[liked.track_rows], -liked.places_from_end, artists)
    listens = np.maximum(np.diff(running.offsets), 1)[:, None]
    skips = (session.strengths < 0).astype(np.float64)
    return {
        "session_artist_share": _total(running, catalogue, np.ones(len(running.track_rows)), artists)
        / listens,
        "artist_is_last": is_last,
        "album_is_last": _equal(catalogue.album_rows[rows], catalogue.album_rows, last),
        "artist_run_log": is_last * np.log1p(_run(running, catalogue))[:, None],
        "artist_tracks_since_log": np.log1p(-tracks_since),
        "artist_skips_in_session": _total(session, catalogue, skips, artists),
    }


def _equal(columns: Rows, of_tracks: Rows, last: Rows) -> Floats:
    """Tell where the columns [n, c] are that of the last track [n, 1]; unknown ones are nobody's."""
    column = np.where(last >= 0, of_tracks[last], -1)
    return np.asarray((columns == column) & (columns >= 0), np.float32)


def _run(running: Queries, catalogue: Catalogue) -> npt.NDArray[np.int64]:
    """Return how many tracks at the end of each session are of one artist, [n]."""
    artists = catalogue.artist_rows[running.track_rows]
    last = artists[np.maximum(running.offsets[1:] - 1, 0)] if len(artists) else artists
    runs = np.diff(running.offsets)
    other = artists != last[running.owners] if len(artists) else np.zeros(0, np.bool_)
    np.minimum.at(runs, running.owners[other], running.places_from_end[other])
    return runs


def _total(entries: Queries, catalogue: Catalogue, values: Doubles, artists: Rows) -> Floats:
    """Sum values [m] of entries by artist, and read them at artists [n, c]."""
    columns = catalogue.artist_rows[entries.track_rows]
    known = columns >= 0
    pairs = Pairs.of(entries.owners[known], columns[known], len(catalogue.artists))
    return at(pairs.total(values[known]), pairs.places(artists), 0)


def _latest(entries: Queries, columns: Rows, values: npt.NDArray[np.int64], wanted: Rows) -> Floats:
    """Return the largest of values [m] of entries with the wanted column [n, c], NaN where there is none."""
    known = columns >= 0
    width = int(max(columns.max(initial=0), wanted.max(initial=0))) + 1
    pairs = Pairs.of(entries.owners[known], columns[known], width)
    return at(pairs.latest(values[known]).astype(np.float64), pairs.places(wanted), np.nan)


def _of_tracks(queries: Queries, session: Queries, rows: Rows, num_tracks: int, *, has_time: bool) -> Columns:
    """Return what the query did with each candidate itself, [n, c]."""
    liked, running = queries.positives, session.positives
    pairs = Pairs.of(queries.owners, queries.track_rows, num_tracks)
    places = pairs.places(rows)
    in_session = Pairs.of(running.owners, running.track_rows, num_tracks)
    seconds = queries.as_of[pairs.owners] - pairs.latest(queries.seconds)
    days = seconds / SECONDS_PER_DAY if has_time else np.full(len(seconds), np.nan)
    tracks_since = _latest(liked, liked.track_rows, -liked.places_from_end, rows)
    return {
        "track_plays_log": np.log1p(at(pairs.total(queries.strengths > 0), places, 0)),
        "track_plays_in_session": at(
            in_session.total(np.ones(len(running.track_rows))), in_session.places(rows), 0
        ),
        "track_tracks_since_log": np.log1p(-tracks_since),
        "track_days_since_played": at(days, places, np.nan),
        "track_strength": at(pairs.total(queries.strengths), places, 0),
    }


def _cosines(rows: Rows, last: Rows, track_vectors: Floats) -> Floats:
    """Return the cosine of each candidate [n, c] with the last track [n, 1], NaN without one."""
    vectors = np.where(last >= 0, track_vectors[np.maximum(last[:, 0], 0)], np.float32(np.nan))
    return products(track_vectors, rows.astype(np.int32), vectors)
