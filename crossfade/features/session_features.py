"""Where a candidate stands to the running session, and when it was played before: what the next track depends on."""

from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.features.affinities import Columns, products
from crossfade.features.catalogue import Catalogue
from crossfade.features.history_marks import Marks, Named
from crossfade.features.interactions import SECONDS_PER_DAY, Floats, Int64s, Queries
from crossfade.features.lookups import of_pairs
from crossfade.features.vectors import TrackVectors
from crossfade.schema.ids import Rows

Doubles = npt.NDArray[np.float64]

OF_ARTISTS: Final = (
    "session_artist_share",
    "artist_is_last",
    "artist_run_log",
    "artist_tracks_since_log",
    "artist_skips_in_session",
)
OF_TRACKS: Final = (
    "track_plays_log",
    "track_plays_in_session",
    "track_tracks_since_log",
    "track_days_since_played",
    "track_strength",
)
MISSING_ARTIST: Final = np.array([0, 0, 0, np.nan, 0], np.float32)
MISSING_TRACK: Final = np.array([0, 0, np.nan, np.nan, 0], np.float32)


def session_features(
    queries: Queries, rows: Rows, catalogue: Catalogue, track_vectors: TrackVectors, *, has_time: bool
) -> Columns:
    """Compute `SESSION_FEATURES`; the session is the one of a query's last entry.

    Artists and tracks of a history are paired with their query once, what is said of them is computed for each pair, and
    candidates look it up: a request is a batch of one, and costs by the number of array operations.

    Args:
        queries: n queries.
        rows: [n, c] int32 tracks, no padding.
        catalogue: The tracks.
        track_vectors: [num_tracks, dim] of length 1.
        has_time: Whether times mean something.

    Returns:
        Feature -> [n, c] or [n, 1]: 0 for what was not played, NaN for times of it and for shares of nothing.
    """
    marks = Marks(queries)
    artists = Named.of(queries, catalogue.artist_rows[queries.track_rows], len(catalogue.artists))
    tracks = Named.of(queries, queries.track_rows, len(catalogue))
    of_artists = of_pairs(
        artists.pairs, _of_artists(marks, artists, catalogue), MISSING_ARTIST, catalogue.artist_rows[rows]
    )
    of_tracks = of_pairs(tracks.pairs, _of_tracks(marks, tracks, has_time=has_time), MISSING_TRACK, rows)
    return {
        **_of_histories(marks, artists, tracks),
        **dict(zip(OF_ARTISTS, of_artists, strict=True)),
        **dict(zip(OF_TRACKS, of_tracks, strict=True)),
        "album_is_last": _equal(catalogue.album_rows[rows], marks.of_last(catalogue.album_rows)),
        "last_track_vector_cosine": _cosines(rows, marks.last_tracks, track_vectors),
    }


def _of_histories(marks: Marks, artists: Named, tracks: Named) -> Columns:
    """Return what kind of session, and of listener, this is, [n, 1]."""
    n, listens, all_listens = len(marks.queries), marks.listens, marks.counts(marks.wanted)
    session_artists = artists.distinct(artists.total(marks.running), n)
    session_artists = session_artists + (
        marks.counts(marks.running & ~artists.known) > 0
    )  # all unknown ones are one
    session_tracks = tracks.distinct(tracks.total(marks.running), n)
    columns = {
        "session_listens_log": np.log1p(listens),
        "session_artists_per_listen": _share(session_artists, listens),
        "session_skip_streak": _skip_streak(marks),
        "session_repeat_share": 1 - _share(session_tracks, listens),
        "user_repeat_share": 1 - _share(tracks.distinct(tracks.total(marks.wanted), n), all_listens),
    }
    return {name: values[:, None] for name, values in columns.items()}


def _share(parts: Int64s, wholes: Int64s) -> Doubles:
    """Return parts by wholes [n], NaN of nothing."""
    return np.where(wholes > 0, parts / np.maximum(wholes, 1), np.nan)


def _skip_streak(marks: Marks) -> Int64s:
    """Return how many entries at the end of each session were skipped early, [n]."""
    owners, kept = marks.queries.owners, marks.in_session & (marks.queries.strengths >= 0)
    streaks = marks.counts(marks.in_session)
    np.minimum.at(streaks, owners[kept], marks.since(marks.in_session)[kept])
    return streaks


def _of_artists(marks: Marks, artists: Named, catalogue: Catalogue) -> Floats:
    """Return how each artist of a history stands to what was just played, [p, 5] in the order of `OF_ARTISTS`."""
    queries, owners = marks.queries, artists.owners
    last = marks.of_last(catalogue.artist_rows)
    is_last = (
        artists.pairs.keys == owners * artists.pairs.width + last[owners]
    )  # an unknown last one is nobody's key
    columns = (
        artists.total(marks.running).astype(np.float32) / np.maximum(marks.listens, 1)[owners],
        is_last,
        is_last * np.log1p(_run(marks, catalogue.artist_rows[queries.track_rows], last))[owners],
        np.log1p(artists.least(marks.since(marks.wanted), marks.wanted).astype(np.float32)),
        artists.total(marks.in_session & (queries.strengths < 0)),
    )
    return np.stack(columns, axis=1, dtype=np.float32, casting="unsafe")


def _run(marks: Marks, artists: Rows, last: Rows) -> Int64s:
    """Return how many tracks at the end of each session are of one artist, [n]."""
    owners, runs = marks.queries.owners, marks.listens.copy()
    other = marks.running & (artists != last[owners])
    np.minimum.at(runs, owners[other], marks.since(marks.running)[other])
    return runs


def _of_tracks(marks: Marks, tracks: Named, *, has_time: bool) -> Floats:
    """Return what the query did with each track of its history, [p, 5] in the order of `OF_TRACKS`."""
    queries, owners = marks.queries, tracks.owners
    seconds = queries.as_of[owners] - tracks.pairs.latest(queries.seconds)
    columns = (
        np.log1p(tracks.total(marks.wanted).astype(np.float32)),
        tracks.total(marks.running),
        np.log1p(tracks.least(marks.since(marks.wanted), marks.wanted).astype(np.float32)),
        seconds / SECONDS_PER_DAY if has_time else np.full(len(seconds), np.nan),
        tracks.total(queries.strengths),
    )
    return np.stack(columns, axis=1, dtype=np.float32, casting="unsafe")


def _equal(columns: Rows, last: Rows) -> Floats:
    """Tell where the columns [n, c] are that of the last track [n]; unknown ones are nobody's."""
    return np.asarray((columns == last[:, None]) & (columns >= 0), np.float32)


def _cosines(rows: Rows, last: Rows, track_vectors: TrackVectors) -> Floats:
    """Return the cosine of each candidate [n, c] with the last track [n], NaN without one."""
    vectors = np.where(last[:, None] >= 0, track_vectors[np.maximum(last, 0)], np.float32(np.nan))
    return products(track_vectors, rows.astype(np.int32, copy=False), vectors)
