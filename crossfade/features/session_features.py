"""Where a candidate stands to the running session, and when it was played before: what the next track depends on."""

from typing import Final

import numpy as np

from crossfade.features.affinities import Columns, Room, multiply_into
from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Queries
from crossfade.features.session_kernels import NUM_TALLIES, fill
from crossfade.features.tallies import table_for
from crossfade.features.vectors import TrackVectors, readable
from crossfade.schema.columns import SESSION_FEATURES
from crossfade.schema.ids import NO_ROW, Rows

NUM_OF_TRACKS: Final = len(SESSION_FEATURES) - 1  # the last one, of vectors, is multiplied


def session_features(
    queries: Queries,
    rows: Rows,
    catalogue: Catalogue,
    track_vectors: TrackVectors,
    room: Room,
    *,
    has_time: bool,
) -> Columns:
    """Compute `SESSION_FEATURES`; the session is the one of a query's last entry.

    Args:
        queries: n queries.
        rows: [n, c] int32 tracks, -1 padded.
        catalogue: The tracks.
        track_vectors: [num_tracks, dim] of length 1.
        room: Where columns are written.
        has_time: Whether times mean something.

    Returns:
        Feature -> [n, c]: 0 for what was not played, NaN for times of it and for shares of nothing, and where padded.
    """
    found, last = room(SESSION_FEATURES), np.full(len(queries), NO_ROW, np.int32)
    table, longest = table_for(queries)
    scratch = table, np.empty(longest, np.int32), np.empty((longest, NUM_TALLIES))
    counts = np.arange(longest + 1)
    # NumPy's logarithms and compiled ones may differ in their last bits.
    logs = np.log1p(counts, dtype=np.float64), np.log1p(counts, dtype=np.float32)
    histories = (queries.offsets, queries.track_rows, queries.seconds, queries.strengths, queries.sessions)
    of_tracks = (catalogue.artist_rows, catalogue.album_rows)
    fill(
        histories,
        (queries.as_of, has_time),
        (rows, of_tracks),
        (scratch, logs),
        (found[:NUM_OF_TRACKS], last),
    )
    known = np.maximum(last, 0)
    vectors = np.where(last[:, None] >= 0, track_vectors[known], np.float32(np.nan))
    multiply_into(found[NUM_OF_TRACKS], readable(track_vectors), rows, vectors)
    return dict(zip(SESSION_FEATURES, found, strict=True))
