"""Erases a person everywhere: one call, which may be killed at any moment and is then called again."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from crossfade.privacy.lake_traces import Note, erase_from_lake
from crossfade.privacy.log_traces import erase_mentions, naming, require_files
from crossfade.privacy.places import Places
from crossfade.privacy.receipt import Erased, Receipt
from crossfade.privacy.scan import files_holding
from crossfade.privacy.store_traces import Stores
from crossfade.privacy.workspace_traces import erase_bundles, erase_leftovers
from crossfade.recommender.redaction import replace_bundles
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import Settings, TrackingSettings
from crossfade.schema.user_keys import lake_keys, new_key, write_keys

__all__ = ["Places", "erase"]

PENDING: Final = ".pending"

Progress = Callable[[str], None]


class _Journal:
    """What an erasure has done so far, on disk, so that the receipt of one that was killed lacks nothing."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path, self._progress = path, progress
        known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        self.is_resumed = bool(known)
        self.started = str(known.get("started", _now()))
        self.places = {str(place["place"]): Erased(**place) for place in known.get("places", [])}

    def note(self, done: Erased) -> None:
        """Note what is found in a place, before it goes, or what it is afterwards."""
        earlier = self.places.get(done.place)
        if earlier is None:
            self.places[done.place] = done
            self._progress(f"{done.place}: {done.removed:,} {done.what}")
        else:
            most = max(earlier.removed, done.removed)
            self.places[done.place] = replace(earlier, removed=most, after=done.after)
        self.write()

    def write(self) -> None:
        places = [asdict(place) for place in self.places.values()]
        replace_file(self._path, json.dumps({"started": self.started, "places": places}).encode())

    def close(self) -> None:
        self._path.unlink()


def erase(places: Places, user_id: str, settings: Settings, progress: Progress = lambda _: None) -> Path:
    """Remove a person from lake and workspace, and write a signed receipt.

    Args:
        places: Where; nothing else may write there meanwhile.
        user_id: Their own id.
        settings: With which silver and gold are made again; `tracking` is read, too.
        progress: Told a line for each place.

    Returns:
        The receipt.

    Raises:
        NotFoundError: Nothing of this person is anywhere; nothing was changed.
        InputError: Another process is writing.
        CrossfadeError: A store does not answer, or a disk is full or cannot be written; call it again.
    """
    lake, stores = places.lake, places.stores(settings.weekly)
    require_files(places.logs)
    keys = lake_keys(lake.path) or write_keys(lake.path, (new_key(),))
    names, subject = keys.names(user_id), keys.current.subject(user_id)
    journal = _Journal(places.receipts / f"{subject[:16]}{PENDING}", progress)
    with lake.without_streams():
        if not journal.is_resumed and not places.knows(names, stores):
            told = " and ".join(map(str, places.paths))
            raise NotFoundError(
                f"Nothing is known of user {user_id!r} in {told}; check the id. Nothing was changed."
            )
        journal.write()
        erase_from_lake(lake, user_id, keys, settings, journal.note)
        models = _erase_what_was_made(places, stores, names, settings.tracking, journal.note)
        remaining = files_holding(places.paths, names)
    path = places.receipts / f"{subject[:16]}-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    receipt = Receipt(
        subject=subject,
        key=keys.current.id,
        lake=lake.id,
        started=journal.started,
        finished=_now(),
        places=tuple(journal.places.values()),
        models=tuple(models),
        remaining=tuple(map(str, remaining)),
    )
    receipt.write(path, keys)
    journal.close()
    return path


def _erase_what_was_made(
    places: Places, stores: Stores, names: list[str], tracking: TrackingSettings, note: Note
) -> list[str]:
    """Return the digests of bundles whose models have learnt from somebody who was erased."""
    workspace, models = places.workspace, []
    if workspace is not None:
        models = erase_bundles(workspace, names, tracking, note)
    stores.erase_slates(names, replace_bundles(workspace, names) if workspace else {}, note)
    stores.erase_features(names, note)
    stores.erase_unnamed(names, note)
    if workspace is not None:
        erase_leftovers(workspace, names, note)
    for path in naming(places.logs, names):
        erase_mentions(path, str(path), names, note)
    return models


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
