"""The listeners of a shard: the weekly batch may read newer histories than training did."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from crossfade.features.dataset import Dataset
from crossfade.features.interactions import Queries
from crossfade.features.translation import Translation


def listeners(
    dataset: Dataset, known: Dataset, first: int, stop: int, batch: int
) -> Iterator[tuple[pa.Array, Queries]]:
    """Cut the queries of a range of users as of the dataset's end, in the rows of another dataset.

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
    queries = Translation(dataset, known).into_bundle(dataset.queries(rows, dataset.split.end))
    for start in range(0, len(rows), batch):
        end = min(start + batch, len(rows))
        yield ids.slice(start, end - start), queries.slice(start, end)
