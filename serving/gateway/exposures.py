"""The log of what was shown: events of the canonical schema, written by a thread, never waited for."""

import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, repeat
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import orjson

from crossfade.schema import columns as c
from crossfade.schema.metrics import EXPOSURES, EXPOSURES_DROPPED, Recorder
from crossfade.schema.tables import EventType
from serving.gateway.rendering import Plain

logger = logging.getLogger(__name__)

AT_ONCE: Final = 500  # slates between two flushes
GATHER_SECONDS: Final = (
    0.02  # after the first of them: to wake up and open a file for each alone costs as much as answering
)
IDLE_SECONDS: Final = 1.0
_TRACK, _POSITION, _PROPENSITY = (name.encode() for name in (c.TRACK_ID, c.POSITION, c.PROPENSITY))


class Sink(Protocol):
    """Where events of shown slates go; called in the log's own thread only."""

    def write(self, slates: Sequence[tuple[str, bytes]]) -> None:
        """Write slates, each the user and a line of JSON for each track; tells its recorder what became of them."""

    def close(self) -> None:
        """Finish what is under way."""


class FileSink:
    """A JSON Lines file that `crossfade import events` reads: one line a shown track.

    Args:
        path: The file; lines are added.
        recorder: Told of written and dropped slates.
    """

    def __init__(self, path: Path, recorder: Recorder) -> None:
        self._path, self._recorder = path, recorder

    def write(self, slates: Sequence[tuple[str, bytes]]) -> None:
        """Add lines to the file."""
        if not slates:
            return
        try:
            with self._path.open("a+b") as file:
                text = b"".join([lines for _, lines in slates])
                file.write(text if _ends_a_line(file) else b"\n" + text)
        except OSError:
            logger.exception("%d exposures were lost.", len(slates))
            self._recorder.record(EXPOSURES_DROPPED, len(slates))
        else:
            self._recorder.record(EXPOSURES, len(slates))

    def close(self) -> None:
        """Do nothing; the file is not kept open."""


def _ends_a_line(file: BinaryIO) -> bool:
    """Return whether the file is whole: a disk that was full, or a process that was killed, leaves half a line."""
    if file.seek(0, SEEK_END) == 0:
        return True
    file.seek(-1, SEEK_END)
    return file.read(1) == b"\n"


class Exposures:
    """Queues shown slates for a sink.

    Event ids follow from the slate's, so that a request that is repeated does not count twice. Slates for nobody
    (no user id) are not written: an event is somebody's.

    Args:
        sink: Where events go.
        most: Slates that wait; more are dropped and counted.
        recorder: Told of dropped slates.
    """

    def __init__(self, sink: Sink, most: int, recorder: Recorder) -> None:
        self._sink, self._recorder = sink, recorder
        self._waiting: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._most = most
        self._thread = threading.Thread(target=self._write_all, name="exposures", daemon=True)
        self._thread.start()

    def log(self, user: str, slate: Mapping[str, Any], plain: Plain | None = None) -> None:
        """Note that a slate was shown; returns at once.

        Args:
            user: Who saw it.
            slate: As the client gets it.
            plain: Its tracks, where it has them in no other way.
        """
        start, end = _around(user, slate, datetime.now(UTC))
        self.put(user, plain.lines(start, end) if plain else _lines(slate["tracks"], start, end))

    def put(self, user: str, lines: bytes) -> None:
        """Note lines of JSON; returns at once.

        They are made by the thread that answers. Made in the log's, for many slates one after the other, they cost as much
        and keep requests that come meanwhile waiting for the interpreter.
        """
        if self._waiting.qsize() < self._most:
            self._waiting.put((user, lines))
        else:
            self._recorder.record(EXPOSURES_DROPPED, 1)

    def close(self) -> None:
        """Write what waits, and end; safe to call again."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _write_all(self) -> None:
        is_open = True
        while is_open:
            batch = self._batch()
            is_open = None not in batch
            self._sink.write(list(filter(None, batch)))
        self._sink.close()

    def _batch(self) -> list[tuple[str, bytes] | None]:
        """Return what waits; nothing after a second without any, so that a sink hears of deliveries."""
        try:
            batch = [self._waiting.get(timeout=IDLE_SECONDS)]
        except queue.Empty:
            return []
        if batch[0] is not None:
            time.sleep(GATHER_SECONDS)
        while len(batch) < AT_ONCE and batch[-1] is not None and not self._waiting.empty():
            batch.append(self._waiting.get())
        return batch


def _around(user: str, slate: Mapping[str, Any], shown: datetime) -> tuple[bytes, bytes]:
    """Return what is the same in every track's event: what stands before its place, and what behind its propensity."""
    about = {c.EVENT_TYPE: str(EventType.EXPOSURE), c.USER_ID: user, c.TIMESTAMP: shown.isoformat()}
    about |= {key: slate[key] for key in (c.SURFACE, c.SLATE_ID, c.EXPERIMENT, c.VARIANT) if key in slate}
    about[c.ORIGIN] = slate.get("generation", slate.get("bundle"))
    return orjson.dumps({c.EVENT_ID: f"{slate[c.SLATE_ID]}-"})[:-2], b"," + orjson.dumps(about)[1:]


def _lines(tracks: Sequence[Mapping[str, Any]], start: bytes, end: bytes) -> bytes:
    """Compose lines of pieces, of which all but two are the same for every slate of this length and every track of this slate."""
    if not tracks:
        return b""
    names = _quoted([track[c.TRACK_ID] for track in tracks])
    chances = orjson.dumps([track[c.PROPENSITY] for track in tracks])[1:-1].split(b",")
    firsts, thens = _places(len(tracks))
    starts, ends = repeat(start, len(tracks)), repeat(end + b"\n", len(tracks))
    return b"".join(chain.from_iterable(zip(starts, firsts, names, thens, chances, ends, strict=True)))


def _quoted(names: list[str]) -> list[bytes]:
    """Return names as they stand between the quotes of JSON."""
    text = orjson.dumps(names)
    if b"\\" in text:  # a name may hold quotes and commas, too, which then come behind a backslash
        return [orjson.dumps(name)[1:-1] for name in names]
    return text[2:-2].split(b'","')


@lru_cache(maxsize=64)
def _places(number: int) -> tuple[list[bytes], list[bytes]]:
    """Return what stands before the ids of so many tracks, and what behind them."""
    first, then = b'%%d","%b":"' % _TRACK, b'","%b":%%d,"%b":' % (_POSITION, _PROPENSITY)
    return [first % place for place in range(number)], [then % place for place in range(number)]
