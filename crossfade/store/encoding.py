"""Slates as compact bytes: packed numbers first, then the strings.

    version u8 | k u16 | scores f32[k] | propensities f32[k] | sources u8[k] | reason_kinds u8[k]
    | lengths of track ids u16[k] | lengths of reasons u16[k] | track ids, UTF-8 | reasons, UTF-8
    | the user's time zone, UTF-8, to the end; there may be none

All numbers are little-endian, and the whole is compressed to zlib's format: that leaves a quarter of it, where an LMDB
page of 4 KiB would else hold two slates, and its checksum finds changed bytes. Titles and artists are not
here: they are the catalogue's, and would add half as much again.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from zlib_ng import zlib_ng

from crossfade.schema import columns as c
from crossfade.schema.errors import InputError, IntegrityError
from crossfade.store.contract import (
    PROPENSITIES,
    REASON_KINDS,
    REASONS,
    SCORES,
    SOURCES,
    Generation,
    PackedSlate,
    StoredSlate,
    playlist_id,
)

VERSION: Final = 1
HEADER_BYTES: Final = 3
SLOT_BYTES: Final = 14
LONGEST_USER_BYTES: Final = 511  # LMDB's longest key; the same in every store
LONGEST: Final = np.iinfo(np.uint16).max
FASTEST: Final = 1
FLOAT: Final = np.dtype("<f4")
LENGTH: Final = np.dtype("<u2")

LISTS: Final = (c.TRACK_IDS, SCORES, PROPENSITIES, SOURCES, REASON_KINDS, REASONS)

Bytes = npt.NDArray[np.uint8]


def key_of(user: str) -> bytes | None:
    """Return the key of a user, None for an id that no store can hold."""
    key = user.encode("utf-8", "surrogatepass")
    return key if 0 < len(key) <= LONGEST_USER_BYTES else None


def keyed(slates: pa.Table, generation: Generation) -> dict[bytes, bytes]:
    """Pack slates (columns as in `SLATES`) by user; the last of a user counts.

    Raises:
        InputError: A user id is missing, empty or too long, or as in `encode`.
    """
    users = slates.column(c.USER_ID).cast(pa.binary())
    lengths = pc.min_max(pc.binary_length(users)).as_py()
    if users.null_count or not 0 < lengths["min"] <= lengths["max"] <= LONGEST_USER_BYTES:
        raise InputError(
            f"User ids must have 1 to {LONGEST_USER_BYTES} bytes; of {len(users)} given, "
            f"{users.null_count} are missing and the others have {lengths['min']} to {lengths['max']}."
        )
    return dict(zip(users.to_pylist(), encode(slates, generation), strict=True))


def encode(slates: pa.Table, generation: Generation) -> list[bytes]:
    """Pack slates (columns as in `SLATES`) into one value each.

    Args:
        slates: [n] slates.
        generation: Gives the vocabularies of sources and reason kinds.

    Returns:
        n values, in order.

    Raises:
        InputError: A source or reason kind is not in the vocabulary, a text is longer than 65,535 bytes, a
            value is missing, or a slate's lists differ in length.
    """
    lengths = _list_lengths(slates)
    parts, places = [pa.array([], pa.binary())], [np.array([], np.int64)]
    for length in np.unique(lengths):  # slates of equal length pack as one matrix
        rows = np.flatnonzero(lengths == length)
        parts.append(_equal_length(slates.take(rows), int(length), generation))
        places.append(rows)
    packed = pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(places))))
    return [zlib_ng.compress(value, FASTEST) for value in packed.to_pylist()]


def unpack(value: bytes, user: str, generation: Generation) -> PackedSlate:
    """Take one value as a slate.

    Raises:
        IntegrityError: The value is damaged, or of another version.
    """
    try:
        unpacked = zlib_ng.decompress(value)
    except zlib_ng.error as error:  # type: ignore[misc]  # its stub takes the class for an instance
        raise _damaged(user, generation, str(error)) from error
    if not unpacked or unpacked[0] != VERSION:
        raise _damaged(user, generation, f"its version is not {VERSION}")
    return PackedSlate(user, generation, unpacked)


def decode(packed: PackedSlate | None) -> StoredSlate | None:
    """Return a slate with all its columns; None stays None."""
    if packed is None:
        return None
    content, about = packed.content, packed.about
    k, ends = num_tracks(content), _ends(content)
    scores, propensities = np.frombuffer(content, FLOAT, 2 * k, HEADER_BYTES).reshape(2, k)
    sources, kinds = (content[HEADER_BYTES + at * k :][:k] for at in (8, 9))
    texts = _texts(content, ends)
    return StoredSlate(
        playlist_id=playlist_id(about.surface, packed.user_id),
        user_id=packed.user_id,
        generation=about.name,
        track_ids=tuple(texts[:k]),
        scores=scores,
        propensities=propensities,
        sources=tuple(map(about.sources.__getitem__, sources)),
        reason_kinds=tuple(map(about.reason_kinds.__getitem__, kinds)),
        reasons=tuple(texts[k:]),
        zone=content[ends[-1] :].decode(),
        monday=about.monday,
    )


def num_tracks(content: bytes) -> int:
    """Return how many tracks a slate has."""
    return int.from_bytes(content[1:HEADER_BYTES], "little")


def zone_with(packed: PackedSlate) -> str:
    """Return the time zone that stands with a slate, empty where none is known."""
    return packed.content[_ends(packed.content)[-1] :].decode()


def _ends(content: bytes) -> list[int]:
    """Return [2 k + 1] where the texts end, from the beginning of the first on."""
    k = num_tracks(content)
    lengths = np.frombuffer(content, LENGTH, 2 * k, HEADER_BYTES + 10 * k)
    return list(accumulate(lengths.tolist(), initial=HEADER_BYTES + SLOT_BYTES * k))


def _texts(unpacked: bytes, ends: list[int]) -> list[str]:
    """Return the texts between ends; where a character is a byte, which it mostly is, they are decoded at once."""
    if unpacked[ends[0] :].isascii():
        whole, first = unpacked[ends[0] :].decode(), ends[0]
        return [whole[start - first : end - first] for start, end in pairwise(ends)]
    return [unpacked[start:end].decode() for start, end in pairwise(ends)]


def _list_lengths(slates: pa.Table) -> npt.NDArray[np.int64]:
    columns = {name: slates.column(name) for name in LISTS}
    missing = {name: lists.null_count + pc.list_flatten(lists).null_count for name, lists in columns.items()}
    if any(missing.values()):
        raise InputError(f"Slates miss values: {missing}; a reason that is not known is an empty text.")
    lengths = {name: pc.list_value_length(lists).to_numpy() for name, lists in columns.items()}
    wanted = lengths[c.TRACK_IDS]
    if ragged := [name for name, got in lengths.items() if not np.array_equal(got, wanted)]:
        raise InputError(f"Each slate's lists must be as long as its track_ids; not so: {', '.join(ragged)}.")
    return np.asarray(wanted, np.int64)


def _equal_length(slates: pa.Table, length: int, generation: Generation) -> pa.Array:
    count = slates.num_rows
    lists = {name: slates.column(name).combine_chunks() for name in LISTS}
    flat = {name: pc.list_flatten(column) for name, column in lists.items()}
    zones = pc.fill_null(slates.column(c.TIME_ZONE).combine_chunks(), "").cast(pa.binary())
    blocks = [
        np.full((count, 1), VERSION, np.uint8),
        np.full((count, 1), length, "<u2").view(np.uint8),
        _matrix(flat[SCORES], count, "<f4"),
        _matrix(flat[PROPENSITIES], count, "<f4"),
        _matrix(_codes(flat[SOURCES], generation.sources), count, "u1"),
        _matrix(_codes(flat[REASON_KINDS], generation.reason_kinds), count, "u1"),
        _matrix(_text_lengths(flat[c.TRACK_IDS]), count, "<u2"),
        _matrix(_text_lengths(flat[REASONS]), count, "<u2"),
    ]
    block = np.concatenate(blocks, axis=1)
    numbers = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(block.shape[1]), count, [None, pa.py_buffer(block)]
    )
    texts = [pc.binary_join(lists[name].cast(pa.list_(pa.binary())), b"") for name in (c.TRACK_IDS, REASONS)]
    return pc.binary_join_element_wise(numbers.cast(pa.binary()), *texts, zones, b"")


def _matrix(values: pa.Array, count: int, kind: str) -> Bytes:
    numbers = np.ascontiguousarray(values.to_numpy(zero_copy_only=False), kind)
    return numbers.view(np.uint8).reshape(count, numbers.nbytes // count)


def _codes(names: pa.Array, vocabulary: Sequence[str]) -> pa.Array:
    codes = pc.index_in(names, value_set=pa.array(vocabulary, pa.string()))
    if codes.null_count:
        unknown = pc.unique(names.filter(codes.is_null())).to_pylist()
        raise InputError(f"Slates name {unknown}; the generation knows only {list(vocabulary)}.")
    return codes


def _text_lengths(texts: pa.Array) -> pa.Array:
    lengths = pc.binary_length(texts)
    longest = pc.max(lengths).as_py() or 0
    if longest > LONGEST:
        raise InputError(f"A track id or reason has {longest} bytes; at most {LONGEST} fit into a slate.")
    return lengths


def _damaged(user: str, generation: Generation, fault: str) -> IntegrityError:
    return IntegrityError(
        f"The slate of user {user} in generation {generation.name} is damaged ({fault}); roll back or "
        "publish the generation again."
    )
