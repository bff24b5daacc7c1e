"""A new key for a lake's users."""

from crossfade.lake.build import refresh
from crossfade.lake.forgetting import settle
from crossfade.lake.lake import GOLD, SILVER, Lake
from crossfade.schema.errors import InputError
from crossfade.schema.settings import Settings
from crossfade.schema.user_keys import UserKeys, from_environment, lake_keys, new_key, write_keys


def rotate_key(lake: Lake, settings: Settings) -> UserKeys:
    """Put a new key in front of a lake's keys, make silver and gold anew under it, and remove their earlier versions.

    Args:
        lake: Any; one without a key gets its first.
        settings: With which silver and gold are made.

    Returns:
        The keys, the new one first.

    Raises:
        InputError: The environment holds the keys, or another process is writing to the lake.
        NotFoundError: Nothing has been imported.
    """
    if keys := from_environment():
        raise InputError(
            f"The keys come from {keys.place}, where this cannot write; put a new key in front of them there, then run: "
            f"crossfade lake refresh --lake {lake.path}"
        )
    with lake.writing():
        known = lake_keys(lake.path)
        keys = write_keys(lake.path, (new_key(), *(known.keys if known else ())))
    refresh(lake, settings)
    with lake.writing():
        for table in lake.versions():
            layer, name = table.split("/")
            if layer in (SILVER, GOLD):
                settle(lake, layer, name)
    return keys
