"""All that is known about a person, as one JSON document."""

from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa

from crossfade.lake.lake import Lake
from crossfade.privacy.lake_traces import rows_of
from crossfade.recommender.redaction import bundles_naming
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.errors import NotFoundError
from crossfade.schema.tables import Surface
from crossfade.schema.user_keys import UserKeys, lake_keys
from crossfade.store.own_slates import own_slate
from crossfade.store.weekly import store_of

NO_KEYS: Final = UserKeys((), "nowhere")


def export(lake: Lake, workspace: Workspace | None, user_id: str) -> dict[str, Any]:
    """Collect a person's rows of every table, their current playlists, and which bundles hold their history.

    Args:
        lake: The lake.
        workspace: Trained from it; None leaves playlists and bundles out.
        user_id: Their own id; it stands in the place of pseudonyms.

    Returns:
        JSON-able: `user_id`; `tables`, {"layer/name": rows}, also of what was refused and of marks as a bot; `playlists` by
        surface; `bundles`, digests.

    Raises:
        NotFoundError: Nothing is known of them.
    """
    names = (lake_keys(lake.path) or NO_KEYS).names(user_id)
    found = {table: rows_of(lake, table, names) for table in lake.versions()}
    tables = {table: _plain(rows, user_id) for table, rows in found.items() if rows}
    playlists = _playlists(workspace, user_id) if workspace else {}
    bundles = bundles_naming(workspace, names) if workspace else []
    if not (tables or playlists or bundles):
        raise NotFoundError(f"Nothing is known of user {user_id!r} in {lake.path}; check the id.")
    return {c.USER_ID: user_id, "tables": tables, "playlists": playlists, "bundles": bundles}


def _plain(rows: pa.Table, user_id: str) -> list[dict[str, Any]]:
    """Return rows as JSON values without what is unknown, under the person's own id."""
    told = [
        {name: _json(value) for name, value in row.items() if value is not None} for row in rows.to_pylist()
    ]
    return [row | {c.USER_ID: user_id} if c.USER_ID in row else row for row in told]


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _playlists(workspace: Workspace, user_id: str) -> dict[str, Any]:
    store, playlists = store_of(workspace), {}
    for surface in Surface:
        live = store.live(surface)
        slate = own_slate(store.reader(surface, live), user_id, workspace.path) if live else None
        if slate:
            playlists[str(surface)] = {
                "playlist_id": slate.playlist_id,
                "generation": slate.generation,
                c.TRACK_IDS: list(slate.track_ids),
                "reasons": list(slate.reasons),
            }
    return playlists
