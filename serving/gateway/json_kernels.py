"""Kernels that write a packed slate as JSON; `rendering.py` says what for, and checks what they are given."""

import math
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

Bytes = npt.NDArray[np.uint8]

# As in store/encoding.py (a test holds them together): they stand here, since numba's cache looks at this file alone.
HEADER_BYTES: Final = 3
SLOT_BYTES: Final = 14
BEYOND: Final = 127 + 29  # float32's exponent of numbers that are too large here, and of those that are none
NUMBER_BYTES: Final = 17  # at most, as of -536870911.999999
MILLION: Final = 1_000_000  # six decimals
LEAST: Final = 10  # millionths; JSON has fewer as 9e-6


def bytes_of(text: bytes) -> Bytes:
    """Return bytes as an array [len(text)] uint8 of their own."""
    return np.frombuffer(text, np.uint8).copy()


def _pieces(*texts: bytes) -> tuple[Bytes, ...]:
    return tuple(map(bytes_of, texts))


_TRACK: Final = _pieces(
    b'{"track_id":"',
    b'","score":',
    b',"source":',
    b',"propensity":',
    b',"reason":null}',
    b',"reason":"',
    b'"}',
)
_LINE: Final = _pieces(b',"track_id":"', b'","position":', b',"propensity":')
TRACK_BYTES: Final = 1 + sum(map(len, _TRACK)) + 2 * NUMBER_BYTES
LINE_BYTES: Final = 2 + sum(map(len, _LINE)) + 3 * NUMBER_BYTES


@numba.njit(cache=True)
def is_plain(content, num_sources):  # type: ignore[no-untyped-def]
    """Return whether the parts of a slate fit together and can be written as they are."""
    if len(content) < HEADER_BYTES:
        return False
    k = content[1] | content[2] << 8
    at = HEADER_BYTES + SLOT_BYTES * k
    if at > len(content):
        return False
    for track in range(k):
        if content[HEADER_BYTES + 8 * k + track] >= num_sources:
            return False
    for number in range(2 * k):
        if (_bits(content, number) >> 23) & 0xFF >= BEYOND:
            return False
    for text in range(2 * k):
        end = at + _length(content, k, text)
        # A text that begins within a character would not be one by itself.
        if end > len(content) or (at < len(content) and content[at] & 0xC0 == 0x80):
            return False
        for place in range(at, end):
            if content[place] < 0x20 or content[place] == 0x22 or content[place] == 0x5C:
                return False
        at = end
    return at == len(content) or content[at] & 0xC0 != 0x80


@numba.njit(cache=True)
def write_tracks(content, sources, ends, out):  # type: ignore[no-untyped-def]
    """Write the tracks of a slate that is plain as a list of JSON objects, and return its length in bytes.

    Args:
        content: [n] uint8, the packed slate.
        sources: uint8, the names of its sources as JSON, one behind the other.
        ends: [number of sources + 1] int64, where they end, from 0 on.
        out: uint8, gets it; long enough.
    """
    k = content[1] | content[2] << 8
    text = reason = HEADER_BYTES + SLOT_BYTES * k
    for track in range(k):
        reason += _length(content, k, track)
    at = 0
    for track in range(k):
        out[at] = 0x2C if track else 0x5B  # a comma, or the list's beginning
        length = _length(content, k, track)
        at = _put(_TRACK[0], 0, len(_TRACK[0]), out, at + 1)
        at = _put(content, text, text + length, out, at)
        at = _put(_TRACK[1], 0, len(_TRACK[1]), out, at)
        at = _put_number(_bits(content, track), out, at)
        at = _put(_TRACK[2], 0, len(_TRACK[2]), out, at)
        source = content[HEADER_BYTES + 8 * k + track]
        at = _put(sources, ends[source], ends[source + 1], out, at)
        at = _put(_TRACK[3], 0, len(_TRACK[3]), out, at)
        at = _put_number(_bits(content, k + track), out, at)
        text += length
        length = _length(content, k, k + track)
        if length:
            at = _put(_TRACK[5], 0, len(_TRACK[5]), out, at)
            at = _put(content, reason, reason + length, out, at)
            at = _put(_TRACK[6], 0, len(_TRACK[6]), out, at)
        else:
            at = _put(_TRACK[4], 0, len(_TRACK[4]), out, at)
        reason += length
    if not k:
        out[0], at = 0x5B, 1
    out[at] = 0x5D  # the list's end
    return at + 1


@numba.njit(cache=True)
def write_lines(content, start, end, out):  # type: ignore[no-untyped-def]
    """Write a line for each track of a slate that is plain, and return their length in bytes.

    Args:
        content: [n] uint8, the packed slate.
        start: uint8, how every line begins, up to the track's place at the end of the event's id.
        end: uint8, how every line ends, from behind the propensity on.
        out: uint8, gets it; long enough.
    """
    k = content[1] | content[2] << 8
    text, at = HEADER_BYTES + SLOT_BYTES * k, 0
    for track in range(k):
        length = _length(content, k, track)
        at = _put(start, 0, len(start), out, at)
        at = _put_whole(track, out, at)
        out[at] = 0x22  # the id's end
        at = _put(_LINE[0], 0, len(_LINE[0]), out, at + 1)
        at = _put(content, text, text + length, out, at)
        at = _put(_LINE[1], 0, len(_LINE[1]), out, at)
        at = _put_whole(track, out, at)
        at = _put(_LINE[2], 0, len(_LINE[2]), out, at)
        at = _put_number(_bits(content, k + track), out, at)
        at = _put(end, 0, len(end), out, at)
        out[at] = 0x0A
        text, at = text + length, at + 1
    return at


@numba.njit(cache=True)
def _length(content, k, text):  # type: ignore[no-untyped-def]
    """Return the length of a text in bytes: k tracks first, then k reasons."""
    place = HEADER_BYTES + 10 * k + 2 * text
    return content[place] | content[place + 1] << 8


@numba.njit(cache=True)
def _bits(content, number):  # type: ignore[no-untyped-def]
    """Return the bits of a float32: k scores first, then k propensities."""
    place, bits = HEADER_BYTES + 4 * number, np.int64(0)
    for byte in range(4):
        bits |= np.int64(content[place + byte]) << 8 * byte
    return bits


@intrinsic
def _copy(typing_context, out, at, source, start, count):  # type: ignore[no-untyped-def]  # noqa: ARG001 (numba's signature)
    """Copy bytes from one array to another; a loop over them would take five times as long, since any place may be negative."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        at, start, count = (context.cast(builder, arguments[i], kinds[i], types.intp) for i in (1, 3, 4))
        target, origin = (make_array(kinds[i])(context, builder, arguments[i]).data for i in (0, 2))
        target, origin = builder.gep(target, [at]), builder.gep(origin, [start])
        cgutils.raw_memcpy(builder, target, origin, count, 1)
        return impl_ret_untracked(context, builder, signature.return_type, context.get_dummy_value())

    return types.none(out, at, source, start, count), code


@numba.njit(cache=True)
def _put(source, start, end, out, at):  # type: ignore[no-untyped-def]
    _copy(out, at, source, start, end - start)
    return at + end - start


@numba.njit(cache=True)
def _put_whole(number, out, at):  # type: ignore[no-untyped-def]
    """Write a whole number from 0 on."""
    left, end = np.uint32(number), at + 1
    while left >= 10:
        left, end = left // np.uint32(10), end + 1
    left = np.uint32(number)
    for place in range(end - 1, at - 1, -1):
        out[place], left = 0x30 + left % np.uint32(10), left // np.uint32(10)
    return end


@numba.njit(cache=True)
def _put_number(bits, out, at):  # type: ignore[no-untyped-def]
    """Write a float32, rounded to six decimals, in the fewest digits.

    A float32 times a million is exact in a float64, so that it is rounded as `round` does. What is left has fifteen digits at
    most, and no fewer tell it from every other float64.
    """
    exponent, fraction = (bits >> 23) & 0xFF, bits & 0x7FFFFF
    significand = fraction | 0x800000 if exponent else fraction
    millionths = np.int64(np.rint(math.ldexp(float(significand), max(exponent, 1) - 150) * MILLION))
    if bits >> 31:
        out[at], at = 0x2D, at + 1
    if 0 < millionths < LEAST:
        out[at], out[at + 1], out[at + 2], out[at + 3] = 0x30 + millionths, 0x65, 0x2D, 0x36
        return at + 4
    # Unsigned numbers of 32 bits: signed ones are divided several times as slowly.
    whole = np.uint32(np.uint64(millionths) // np.uint64(MILLION))
    left = np.uint32(np.uint64(millionths) % np.uint64(MILLION))
    at = _put_whole(whole, out, at)
    out[at], out[at + 1] = 0x2E, 0x30
    end = at + 2
    if left:
        end = at + 7
        while left % np.uint32(10) == 0:
            left, end = left // np.uint32(10), end - 1
        for place in range(end - 1, at, -1):
            out[place], left = 0x30 + left % np.uint32(10), left // np.uint32(10)
    return end
