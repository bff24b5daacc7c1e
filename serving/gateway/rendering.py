"""Stored slates as JSON, written from their packed bytes in one go: what clients get, and the lines of exposures.

A slate of thirty tracks is three hundred small Python objects, which took most of the time of its answer. The kernels here make
none. A slate that they do not understand (a text that JSON has to escape, a score of five hundred million) goes the long way by
`tracks_of`; their bytes are the same as the long way's.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Self

import numpy as np
import numpy.typing as npt
import orjson

from crossfade.store.contract import PackedSlate
from crossfade.store.encoding import HEADER_BYTES, SLOT_BYTES, num_tracks
from serving.gateway.json_kernels import (
    LINE_BYTES,
    TRACK_BYTES,
    Bytes,
    bytes_of,
    is_plain,
    write_lines,
    write_tracks,
)

Ends = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plain:
    """A packed slate of k tracks that kernels can write.

    Args:
        content: [n] uint8, the slate's bytes.
        sources: Its generation's, as `_quoted` has them.
        num_tracks: k.
    """

    content: Bytes
    sources: tuple[Bytes, Ends, int]
    num_tracks: int

    @classmethod
    def of(cls, packed: PackedSlate) -> Self | None:
        """Look at a slate; None where it has to go the long way."""
        content = np.frombuffer(packed.content, np.uint8)
        is_known = _is_told(packed.content) and is_plain(content, len(packed.about.sources))
        return cls(content, _quoted(packed.about.sources), num_tracks(packed.content)) if is_known else None

    def tracks(self) -> bytes:
        """Return the tracks as JSON, best first: what `tracks_of` returns."""
        sources, ends, longest = self.sources
        out = np.empty(2 + len(self.content) + self.num_tracks * (TRACK_BYTES + longest), np.uint8)
        return out[: write_tracks(self.content, sources, ends, out)].tobytes()

    def lines(self, start: bytes, end: bytes) -> bytes:
        """Return a line of JSON for each track, its exposure.

        Args:
            start: How every line begins, up to the place of the track that ends the event's id.
            end: How every line ends, from behind its propensity on.
        """
        size = len(self.content) + self.num_tracks * (LINE_BYTES + len(start) + len(end))
        out = np.empty(size, np.uint8)
        around = np.frombuffer(start, np.uint8), np.frombuffer(end, np.uint8)
        return out[: write_lines(self.content, *around, out)].tobytes()


def warm() -> None:
    """Have the kernels made, or read from their cache, before the first request asks for them."""
    content = np.frombuffer(bytes(HEADER_BYTES), np.uint8)
    is_plain(content, 0)
    write_tracks(content, *_quoted(())[:2], np.empty(2, np.uint8))
    write_lines(content, content, content, np.empty(0, np.uint8))


def _is_told(content: bytes) -> bool:
    """Return whether the texts are UTF-8, as JSON has it."""
    texts = content[HEADER_BYTES + SLOT_BYTES * num_tracks(content) :]
    try:
        return texts.isascii() or bool(texts.decode())
    except UnicodeDecodeError:
        return False


@lru_cache(maxsize=64)
def _quoted(sources: tuple[str, ...]) -> tuple[Bytes, Ends, int]:
    """Return n names as JSON, one behind the other; [n + 1] where they end, from 0 on; and the length of the longest."""
    quoted = [orjson.dumps(source) for source in sources]
    ends = np.array(list(accumulate(map(len, quoted), initial=0)), np.int64)
    return bytes_of(b"".join(quoted)), ends, max(map(len, quoted), default=0)
