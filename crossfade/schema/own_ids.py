"""The edge where people's own ids become rows: the one place that knows that inside, users stand under pseudonyms."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from crossfade.schema.errors import NotFoundError
from crossfade.schema.ids import NO_ROW, IdMap, Rows
from crossfade.schema.user_keys import FILE_VARIABLE, ID_HEX, UserKey, is_pseudonym, keys_near

KEPT_KEYS: Final = 64


def own_rows(users: IdMap, user_ids: Sequence[str], place: Path | None) -> Rows:
    """Map people's own ids to rows.

    Where the map holds pseudonyms, own ids are hashed with their key; a pseudonym itself is understood, too.

    Args:
        users: Of a dataset: pseudonyms of one key, or own ids.
        user_ids: [n] as people write them; an empty one is unknown.
        place: The bundle or workspace from which to look for the key (`user_keys.keys_near`).

    Returns:
        [n] int32 rows, -1 where the user is unknown.

    Raises:
        NotFoundError: The map holds pseudonyms of a key that is not here, and somebody is asked for by an own id.
    """
    rows = users.rows(user_ids)
    own = [user for user, row in zip(user_ids, rows.tolist(), strict=True) if user and row == NO_ROW]
    if not own or not len(users) or not is_pseudonym(users.ids[0].as_py()):
        return rows
    key = _required_key(users.ids[0].as_py()[:ID_HEX], place)
    found = dict(zip(own, users.rows(key.pseudonyms(pa.array(own, pa.string()))).tolist(), strict=True))
    return np.array([found.get(user, row) for user, row in zip(user_ids, rows, strict=True)], np.int32)


@lru_cache(maxsize=KEPT_KEYS)
def _required_key(key_id: str, place: Path | None) -> UserKey:
    """Return a key, which is kept once it is found: what an id names never changes, and requests should read no files."""
    keys = keys_near(place) if place else None
    key = keys.named(key_id) if keys else None
    if key is None:
        where = (
            f"{keys.place} has only {', '.join(key.id for key in keys.keys)}" if keys else "no key is here"
        )
        raise NotFoundError(
            f"Users stand under pseudonyms of key {key_id}, but {where}; name the file that has it by {FILE_VARIABLE}, "
            "or ask from the workspace that was trained beside its lake."
        )
    return key
