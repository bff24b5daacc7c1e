"""Erases a person everywhere: one call, which may be killed at any moment and is then called again."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from crossfade.lake.lake import Lake
from crossfade.privacy.lake_traces import erase_from_lake, rows_of
from crossfade.privacy.receipt import Erased, Receipt
from crossfade.privacy.scan import files_holding
from crossfade.privacy.workspace_traces import erase_bundles, erase_leftovers, erase_slates, is_known
from crossfade.recommender.workspace import Workspace
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import NotFoundError
from crossfade.schema.settings import Settings, WeeklySettings
from crossfade.schema.user_keys import lake_keys, new_key, write_keys
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.features import FeatureStore
from crossfade.store.forget import forget_features

RECEIPTS: Final = "erasures"
PENDING: Final = ".pending"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Places:
    """Where to look for a person.

    Args:
        lake: The lake.
        workspace: Trained from it; None where nothing was.
        receipts: Directory of receipts, and of what is under way.
    """

    lake: Lake
    workspace: Workspace | None
    receipts: Path

    @property
    def directories(self) -> list[Path]:
        """Where files are."""
        return [place.path for place in (self.lake, self.workspace) if place]

    def knows(self, names: list[str], weekly: WeeklySettings) -> bool:
        """Return whether any place holds something of a person."""
        tables = (rows_of(self.lake, table, names) for table in self.lake.versions())
        return any(map(len, filter(None, tables))) or (
            self.workspace is not None and is_known(self.workspace, names, weekly)
        )


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
        CrossfadeError: A disk is full or cannot be written; call it again.
    """
    lake, workspace = places.lake, places.workspace
    keys = lake_keys(lake.path) or write_keys(lake.path, (new_key(),))
    names, subject = keys.names(user_id), keys.current.subject(user_id)
    journal = _Journal(places.receipts / f"{subject[:16]}{PENDING}", progress)
    models: list[str] = []
    with lake.without_streams():
        if not journal.is_resumed and not places.knows(names, settings.weekly):
            raise NotFoundError(
                f"Nothing is known of user {user_id!r} in {_told(places)}; check the id. Nothing was changed."
            )
        journal.write()
        _erase_features(places, names, journal.note)
        erase_from_lake(lake, user_id, keys, settings, journal.note)
        if workspace is not None:
            models = _erase_from_workspace(workspace, names, settings, journal.note)
        remaining = files_holding(places.directories, names)
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


def _erase_features(places: Places, names: list[str], note: Callable[[Erased], None]) -> None:
    """Take a person out of stored features; the lake's earlier versions go with those of its other tables."""
    online = FeatureStore(EmbeddedStore(places.workspace.store)) if places.workspace else None
    for place, count in forget_features(places.lake, online, names).items():
        note(Erased(place, "stored features", count))


def _erase_from_workspace(
    workspace: Workspace, names: list[str], settings: Settings, note: Callable[[Erased], None]
) -> list[str]:
    """Return the digests of bundles whose models have learnt from somebody who was erased."""
    models = erase_bundles(workspace, names, settings.tracking, note)
    erase_slates(workspace, names, settings.weekly, note)
    erase_leftovers(workspace, names, note)
    return models


def _told(places: Places) -> str:
    return " and ".join(map(str, places.directories))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
