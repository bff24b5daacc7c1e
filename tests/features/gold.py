"""A lake whose gold tables hold a dataset, so that reading it gives that dataset back."""

from pathlib import Path

import pyarrow as pa

from crossfade.features.dataset import Dataset
from crossfade.lake.lake import GOLD, Lake
from crossfade.lake.layout import CATALOGUE, GOLD_SCHEMAS, INTERACTIONS, USER_PROFILES
from crossfade.schema import columns as c

MICROSECONDS = 1_000_000


def gold_lake(path: Path, dataset: Dataset, *, shift_seconds: int = 0) -> Lake:
    """Write a dataset's interactions, users and catalogue; times may be shifted, as by a wrong time zone."""
    lake, acts = Lake.create(path), dataset.interactions
    columns = {
        c.USER_ID: dataset.users.ids.names(acts.user_rows),
        c.TRACK_ID: dataset.catalogue.tracks.names(acts.track_rows),
        c.TIMESTAMP: pa.array((acts.seconds + shift_seconds) * MICROSECONDS),
        c.STRENGTH: acts.strengths,
        c.SESSION_ID: [f"s{session}" for session in acts.sessions],
    }
    lake.overwrite(GOLD, INTERACTIONS, _filled(pa.table(columns), INTERACTIONS))
    lake.overwrite(GOLD, USER_PROFILES, _filled(dataset.users.table, USER_PROFILES))
    lake.overwrite(GOLD, CATALOGUE, _filled(dataset.catalogue.table, CATALOGUE))
    return lake


def _filled(table: pa.Table, name: str) -> pa.Table:
    schema = GOLD_SCHEMAS[name]
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
