"""Stored slates for people who ask with their own id, while the store knows them by pseudonyms."""

from dataclasses import replace
from pathlib import Path

from crossfade.schema.user_keys import keys_near
from crossfade.store.contract import SlateReader, StoredSlate
from crossfade.store.mondays import Shown


def own_slate(reader: SlateReader | Shown, user_id: str, place: Path) -> StoredSlate | None:
    """Return the slate of a user, named as they asked; None for a user without one.

    Args:
        reader: Of a generation, or of what is shown; whichever of the keys made its names.
        user_id: Own id; a pseudonym is understood, too.
        place: The workspace, from which to look for the keys.
    """
    keys = keys_near(place)
    for name in keys.names(user_id) if keys else [user_id]:
        if slate := reader.get(name):
            return replace(slate, user_id=user_id)
    return None
