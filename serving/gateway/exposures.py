"""The log of what was shown: events of the canonical schema, written by a thread, never waited for."""

import logging
import queue
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from crossfade.schema import columns as c
from crossfade.schema.metrics import EXPOSURES, EXPOSURES_DROPPED, Recorder
from crossfade.schema.tables import EventType

logger = logging.getLogger(__name__)

AT_ONCE: Final = 500  # slates between two flushes


class Exposures:
    """A JSON Lines file that `crossfade import events` reads: one line a shown track.

    Event ids follow from the slate's, so that a request that is repeated does not count twice. Slates for nobody
    (no user id) are not written: an event is somebody's.

    Args:
        path: The file; lines are added.
        most: Slates that wait; more are dropped and counted.
        recorder: Told of written and dropped slates.
    """

    def __init__(self, path: Path, most: int, recorder: Recorder) -> None:
        self._path, self._recorder = path, recorder
        self._waiting: queue.Queue[tuple[str, Mapping[str, Any], datetime] | None] = queue.Queue(most)
        self._thread = threading.Thread(target=self._write_all, name="exposures", daemon=True)
        self._thread.start()

    def log(self, user: str, slate: Mapping[str, Any]) -> None:
        """Note that a slate was shown; returns at once."""
        try:
            self._waiting.put_nowait((user, slate, datetime.now(UTC)))
        except queue.Full:
            self._recorder.record(EXPOSURES_DROPPED, 1)

    def close(self) -> None:
        """Write what waits, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        is_open = True
        while is_open:
            batch = [self._waiting.get()]
            while len(batch) < AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get())
            is_open = batch[-1] is not None
            self._write([each for each in batch if each is not None])

    def _write(self, batch: list[tuple[str, Mapping[str, Any], datetime]]) -> None:
        try:
            with self._path.open("ab") as file:
                file.write(b"".join(_lines(*each) for each in batch))
        except OSError:
            logger.exception("%d exposures were lost.", len(batch))
            self._recorder.record(EXPOSURES_DROPPED, len(batch))
        else:
            self._recorder.record(EXPOSURES, len(batch))


def _lines(user: str, slate: Mapping[str, Any], shown: datetime) -> bytes:
    about = {c.EVENT_TYPE: str(EventType.EXPOSURE), c.USER_ID: user, c.TIMESTAMP: shown.isoformat()}
    about |= {c.SURFACE: slate[c.SURFACE], c.SLATE_ID: slate[c.SLATE_ID]}
    return b"".join(
        orjson.dumps(
            {
                c.EVENT_ID: f"{slate[c.SLATE_ID]}-{position}",
                **about,
                c.TRACK_ID: track[c.TRACK_ID],
                c.POSITION: position,
                c.PROPENSITY: track[c.PROPENSITY],
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for position, track in enumerate(slate["tracks"])
    )
