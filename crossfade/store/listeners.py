"""The listeners of a shard: the weekly batch may read newer histories than training did."""

import numba
import numpy as np
import pyarrow as pa

from crossfade.features.catalogue import Catalogue
from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Int64s, Queries
from crossfade.features.translation import Translation
from crossfade.schema.ids import NO_ROW, Rows


def listeners(dataset: Dataset, known: Dataset, first: int, stop: int) -> tuple[pa.Array, Queries]:
    """Cut the queries of a range of users as of the dataset's end, in the rows of another dataset.

    Args:
        dataset: Histories.
        known: Whose rows are wanted: the bundle's.
        first: First user row.
        stop: Row after the last.

    Returns:
        [n] user ids and n queries.
    """
    rows = np.arange(first, stop, dtype=np.int32)
    queries = Translation(dataset, known).into_bundle(dataset.queries(rows, dataset.split.end))
    return dataset.users.ids.ids.slice(first, stop - first), queries


def by_taste(queries: Queries, catalogue: Catalogue) -> Int64s:
    """Order listeners so that those beside each other are recommended much the same tracks, which memory then holds near.

    Args:
        queries: n queries.
        catalogue: Whose rows their histories have.

    Returns:
        [n] int64 places of the queries: by the genre that each has heard most, and in it by the artist.
    """
    genre = _most_heard(queries, catalogue.genre_rows[:, 0], len(catalogue.genres))
    artist = _most_heard(queries, catalogue.artist_rows, len(catalogue.artists))
    return np.lexsort((artist, genre))


def _most_heard(queries: Queries, of_tracks: Rows, num_values: int) -> Rows:
    """Return the value that most tracks of each history have, the one that was first to have so many; -1 for none, [n] int32."""
    found = np.full(len(queries), NO_ROW, np.int32)
    _find_most((queries.offsets, queries.track_rows), of_tracks, np.zeros(num_values, np.int32), found)
    return found


@numba.njit(cache=True, nogil=True)
def _find_most(histories, of_tracks, counts, found):  # type: ignore[no-untyped-def]
    """Fill found [n]; counts [num_values] are 0 before and after."""
    offsets, tracks = histories
    for query in range(len(found)):
        most = 0
        for entry in range(offsets[query], offsets[query + 1]):
            value = of_tracks[tracks[entry]]
            if value >= 0:
                counts[value] += 1
                if counts[value] > most:
                    most, found[query] = counts[value], value
        for entry in range(offsets[query], offsets[query + 1]):
            value = of_tracks[tracks[entry]]
            if value >= 0:
                counts[value] = 0
