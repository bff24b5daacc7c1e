"""All that is known about a person, as one JSON document."""

from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa

from crossfade.privacy.lake_traces import rows_of
from crossfade.privacy.log_traces import lines_of, naming, require_files
from crossfade.privacy.places import Places
from crossfade.recommender.redaction import bundles_naming
from crossfade.schema import columns as c
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import WeeklySettings
from crossfade.schema.user_keys import UserKeys, lake_keys

NO_KEYS: Final = UserKeys((), "nowhere")


def export(places: Places, user_id: str, weekly: WeeklySettings) -> dict[str, Any]:
    """Collect a person's rows of every table, their playlists and online features, and what logs and bundles hold.

    Args:
        places: Where to look; without a workspace there are no bundles.
        user_id: Their own id; it stands in the place of pseudonyms.
        weekly: `store_url` is read.

    Returns:
        JSON-able: `user_id`; `tables`, {"layer/name": rows}, also of what was refused and of marks as a bot; `playlists` and
        `features` by place, those of earlier generations included; `logs`, lines by file; `bundles`, digests.

    Raises:
        NotFoundError: Nothing is known of them, or there is no such log.
        CrossfadeError: A store does not answer.
    """
    lake, workspace, stores = places.lake, places.workspace, places.stores(weekly)
    require_files(places.logs)
    names = (lake_keys(lake.path) or NO_KEYS).names(user_id)
    found = {table: rows_of(lake, table, names) for table in lake.versions()}
    known = {
        "tables": {table: _plain(rows, user_id) for table, rows in found.items() if rows},
        "playlists": stores.slates_of(names),
        "features": stores.features_of(names),
        "logs": {str(path): lines_of(path, names) for path in naming(places.texts, names)},
        "bundles": bundles_naming(workspace, names) if workspace else [],
    }
    if not any(known.values()):
        raise NotFoundError(f"Nothing is known of user {user_id!r} in {lake.path}; check the id.")
    return {c.USER_ID: user_id, **known}


def _plain(rows: pa.Table, user_id: str) -> list[dict[str, Any]]:
    """Return rows as JSON values without what is unknown, under the person's own id."""
    told = [
        {name: _json(value) for name, value in row.items() if value is not None} for row in rows.to_pylist()
    ]
    return [row | {c.USER_ID: user_id} if c.USER_ID in row else row for row in told]


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value
