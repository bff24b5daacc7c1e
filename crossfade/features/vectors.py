"""Track vectors in float32, float16 or int8, read by row as float32: in NumPy by `[...]`, in compiled code by `component`.

What is read of them is gathered at random, a track here and a track there, so a smaller row is less memory to map and no
slower. Sums are always float32; only what is kept is rounded.
"""

from typing import Any, Final, Literal, overload

import numba
import numpy as np
import numpy.typing as npt
from numba.extending import overload as compiled

from crossfade.features.interactions import Floats
from crossfade.schema.errors import IntegrityError

VectorsAs = Literal["float32", "float16", "int8"]

SCALE: Final = "scale"
CODES: Final = "codes"
MOST_CODE: Final = 127
# Scales keep 11 bits of their mantissa, rounded up: 127 times such a number is exact in float32, so that vectors which were
# read and are packed again, as `index add` does, stay what they were.
CUT_BITS: Final = 13
SMALLEST_NORMAL: Final = np.uint32(1 << 10)  # magnitudes of float16 below it have no exponent
SUBNORMAL_STEP: Final = np.float32(2.0**-24)
BIAS_BITS: Final = np.uint32((127 - 15) << 23)


class PackedVectors:
    """Vectors [num_tracks, dim] in fewer bytes than float32 takes; indexing and `np.asarray` give float32.

    Args:
        stored: float16 [num_tracks, dim] or records [num_tracks] of a float32 `scale` and int8 `codes` [dim], whose product
            is the vector; may be memory-mapped, whose pages all processes of a machine share.
    """

    def __init__(self, stored: npt.NDArray[Any]) -> None:
        self.stored = stored

    @property
    def shape(self) -> tuple[int, int]:
        """(num_tracks, dim)."""
        dim = self.stored.shape[1] if self.stored.dtype.names is None else self.stored.dtype[CODES].shape[0]
        return len(self.stored), dim

    def __len__(self) -> int:
        """Return the number of tracks."""
        return len(self.stored)

    def __getitem__(self, index: Any) -> Floats:
        """Return the chosen rows as float32; only they are read."""
        chosen = self.stored[index]
        if self.stored.dtype.names is None:
            return np.asarray(chosen, np.float32)
        return np.asarray(chosen[CODES] * chosen[SCALE][..., None], np.float32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return all rows as float32, or as another type."""
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)


TrackVectors = Floats | PackedVectors


def packed(vectors: TrackVectors, kept_as: VectorsAs) -> TrackVectors:
    """Return vectors [num_tracks, dim] as the setting `index.vectors_as` wants them kept.

    Args:
        vectors: Finite; their components below 65,504 where float16 is wanted.
        kept_as: float32 (4 dim bytes a track, as they are), float16 (2 dim; off by up to 1/2048 of each component) or int8
            (dim + 4; off by up to 1/254 of the track's largest component). Packing what was packed the same way changes
            nothing.
    """
    if kept_as == "float32":
        return np.asarray(vectors, np.float32)
    whole = np.asarray(vectors, np.float32)
    if kept_as == "float16":
        return PackedVectors(whole.astype(np.float16))
    stored = np.zeros(len(whole), [(SCALE, "<f4"), (CODES, "i1", (whole.shape[1],))])
    stored[SCALE] = _cut(np.abs(whole).max(axis=1, initial=0) / np.float32(MOST_CODE))
    steps = np.maximum(stored[SCALE], np.finfo(np.float32).tiny)
    stored[CODES] = np.rint(whole / steps[:, None])
    return PackedVectors(stored)


def _cut(scales: Floats) -> Floats:
    rest = np.uint32((1 << CUT_BITS) - 1)
    return np.asarray(((scales.view(np.uint32) + rest) & ~rest).view(np.float32))


def as_stored(vectors: TrackVectors) -> npt.NDArray[Any]:
    """Return the array to save, which `opened` takes back."""
    return vectors.stored if isinstance(vectors, PackedVectors) else vectors


def opened(stored: npt.NDArray[Any], where: object) -> TrackVectors:
    """Return saved vectors as what they are; their own type tells, no setting is asked.

    Args:
        stored: From `as_stored`, perhaps memory-mapped.
        where: The file, for the error.

    Raises:
        IntegrityError: The array is nothing that `packed` makes (names its type).
    """
    if stored.dtype == np.float32 and stored.ndim == 2:
        return stored
    if (stored.dtype == np.float16 and stored.ndim == 2) or stored.dtype.names == (SCALE, CODES):
        return PackedVectors(stored)
    raise IntegrityError(
        f"{where} holds {stored.dtype} of {stored.ndim} dimensions, but track vectors are float32, float16, or int8 with a "
        "scale for each track; train again, or take the file from a whole bundle."
    )


@overload
def readable(vectors: PackedVectors) -> npt.NDArray[Any]: ...
@overload
def readable(vectors: Floats) -> Floats: ...
def readable(vectors: TrackVectors) -> npt.NDArray[Any]:
    """Return what compiled code reads by `component` and `width`; numba knows no float16, so it gets their bits."""
    stored = as_stored(vectors)
    return stored.view(np.uint16) if stored.dtype == np.float16 else stored


def width(vectors: Any) -> int:
    """Return the number of components of what `readable` gave; for compiled code alone."""
    raise NotImplementedError(vectors)


def component(vectors: Any, row: int, i: int) -> np.float32:
    """Return component i of a row as float32; for compiled code alone."""
    raise NotImplementedError(vectors, row, i)


@compiled(width)
def _width(vectors):  # type: ignore[no-untyped-def]
    if isinstance(vectors.dtype, numba.types.Record):
        dim = vectors.dtype.typeof(CODES).shape[0]
        return lambda vectors: dim  # noqa: ARG005 (the names are the contract)
    return lambda vectors: vectors.shape[1]


@compiled(component)
def _component(vectors, row, i):  # type: ignore[no-untyped-def]  # noqa: ARG001 (their types are not asked)
    if isinstance(vectors.dtype, numba.types.Record):
        return lambda vectors, row, i: vectors[row].scale * np.float32(vectors[row].codes[i])
    if vectors.dtype == numba.types.uint16:
        return _half
    return lambda vectors, row, i: vectors[row, i]


def _half(vectors, row, i):  # type: ignore[no-untyped-def]
    """Return the number of a float16's bits: the exponent is moved from a bias of 15 to one of 127, in integers alone.

    To multiply by 2^112 instead is not safe: kernels that may reorder products would make infinities of two such factors.
    """
    bits = np.uint32(vectors[row, i])
    magnitude = bits & np.uint32(0x7FFF)
    if magnitude < SMALLEST_NORMAL:
        value = np.float32(magnitude) * SUBNORMAL_STEP
    else:
        value = np.uint32((magnitude << np.uint32(13)) + BIAS_BITS).view(np.float32)
    return -value if bits & np.uint32(0x8000) else value
