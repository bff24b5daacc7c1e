"""From a dataset's rows to a bundle's: the weekly batch may read newer histories than training did."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Codes, Queries
from crossfade.schema.ids import NO_ROW, IdMap, Rows


def listeners(
    dataset: Dataset, known: Dataset, first: int, stop: int, batch: int
) -> Iterator[tuple[pa.Array, Queries]]:
    """Cut the queries of a range of users as of the dataset's end, in the rows of another dataset.

    Tracks that the other dataset does not know leave the histories; users and countries become unknown (-1).

    Args:
        dataset: Histories.
        known: Whose rows are wanted: the bundle's.
        first: First user row.
        stop: Row after the last.
        batch: Users at a time.

    Yields:
        [n] user ids and n queries.
    """
    rows = np.arange(first, stop, dtype=np.int32)
    ids = dataset.users.ids.ids.slice(first, stop - first)
    queries = dataset.queries(rows, dataset.split.end)
    tracks = _rows(dataset.catalogue.tracks, known.catalogue.tracks, queries.track_rows)
    queries = replace(
        queries,
        user_rows=known.users.ids.rows(ids),
        country_rows=_rows(dataset.users.countries, known.users.countries, queries.country_rows),
        track_rows=tracks,
        traits=None
        if queries.traits is None
        else _rows(dataset.traits, known.traits, queries.traits).astype(np.int8),
    ).keep(tracks != NO_ROW)
    for start in range(0, len(rows), batch):
        end = min(start + batch, len(rows))
        yield ids.slice(start, end - start), queries.slice(start, end)


def _rows(have: IdMap, want: IdMap, rows: Rows | Codes) -> Rows:
    """Translate rows [...] of one id map into rows of another, -1 where the other lacks the id."""
    if have.ids.equals(want.ids):
        return rows.astype(np.int32, copy=False)
    used = np.unique(rows[rows != NO_ROW])
    targets = want.rows(have.ids.take(pa.array(used)))
    places = np.minimum(np.searchsorted(used, rows), max(len(used) - 1, 0))
    return (
        np.where(rows == NO_ROW, NO_ROW, targets[places]).astype(np.int32)
        if len(used)
        else rows.astype(np.int32, copy=False)
    )
