"""Text as columns: bytes that should be UTF-8, lines and fields, and ids made from names."""

from typing import Final
from unicodedata import normalize

import pyarrow as pa
import pyarrow.compute as pc

FALLBACK: Final = (
    "cp1252"  # Windows-1252: what Western clients sent before UTF-8; it decodes nearly every byte
)
NAME_CHARACTERS: Final = 200  # of a name count in an id made from it
NAME_PREFIX: Final = "name:"
NAME_SEPARATOR: Final = "|"


def decoded(values: pa.Array) -> tuple[pa.Array, int]:
    """Decode a binary column [n]; values that are not UTF-8 are read as Windows-1252.

    Returns:
        [n] strings, and how many were not UTF-8.
    """
    try:
        return values.cast(pa.string()), 0
    except pa.ArrowInvalid:
        pairs = [(None, False) if value is None else _text(value) for value in values.to_pylist()]
        return pa.array([text for text, _ in pairs], pa.string()), sum(repaired for _, repaired in pairs)


def _text(value: bytes) -> tuple[str, bool]:
    try:
        return value.decode("utf-8"), False
    except UnicodeDecodeError:
        return value.decode(FALLBACK, errors="replace"), True


def lines(block: bytes) -> pa.Array:
    """Cut a block that ends with a line feed into [n] binary lines without line ends (LF or CR LF)."""
    cut = pc.split_pattern(pa.array([block[:-1]], pa.binary()), b"\n").flatten()
    has_return = pc.any(pc.ends_with(cut, b"\r")).as_py()
    return pc.replace_substring_regex(cut, rb"\r$", b"") if has_return else cut


def name_ids(*names: pa.Array) -> pa.Array:
    """Make ids from names, for sources that have no ids: the same names give the same id, in any file and any release.

    A name is put into Unicode form NFKC and lower case, runs of white space become one space, and 200 characters of it count;
    the id is `name:` and the names with `|` between them, for example `name:portishead|roads`.

    Args:
        names: Columns [n] of names: the artist's, then the track's for a track.

    Returns:
        [n] ids, null where a name is missing or blank.
    """
    parts = [_normalised(name) for name in names]
    joined = pc.binary_join_element_wise(*parts, NAME_SEPARATOR)
    return pc.binary_join_element_wise(pa.scalar(NAME_PREFIX), joined, "")


def _normalised(names: pa.Array) -> pa.Array:
    plain = pc.utf8_lower(_composed(names))
    plain = pc.replace_substring(plain, NAME_SEPARATOR, "/")
    plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(plain, r"\s+", " "))
    return null_if_blank(pc.utf8_slice_codeunits(plain, 0, NAME_CHARACTERS))


def _composed(names: pa.Array) -> pa.Array:
    """Put names into Unicode form NFKC; Arrow's own function gives the decomposed form."""
    if pc.all(pc.string_is_ascii(names)).as_py() is not False:
        return names
    encoded = names.dictionary_encode()
    distinct = [normalize("NFKC", name) for name in encoded.dictionary.to_pylist()]
    return pa.array(distinct, pa.string()).take(encoded.indices)


def null_if_blank(values: pa.Array) -> pa.Array:
    """Return strings [n] with null for those that are empty."""
    is_blank = pc.equal(pc.binary_length(values), 0)
    return pc.if_else(is_blank, None, values) if pc.any(is_blank).as_py() else values


def without_controls(values: pa.Array) -> pa.Array:
    """Return strings [n] in which runs of control characters (a carriage return inside a name) are one space."""
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(values, r"[\x00-\x1f\x7f]+", " "))
