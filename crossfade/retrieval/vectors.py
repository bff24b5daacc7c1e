"""Track vectors as files: memory-mapped, and checked against the catalogue beside them."""

from pathlib import Path

import numpy as np

from crossfade.features.interactions import Floats
from crossfade.schema.errors import IntegrityError


def load_vectors(path: Path, num_tracks: int) -> Floats:
    """Memory-map an array [num_tracks, dim] float32 that `np.save` wrote.

    Raises:
        IntegrityError: The file is missing or not whole, or has another number of rows.
    """
    try:
        vectors: Floats = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path} is not a whole array of vectors: {error}") from error
    if len(vectors) != num_tracks:
        raise IntegrityError(
            f"{path} was fitted on {len(vectors)} tracks or artists, but the catalogue beside it has {num_tracks}; "
            "load it with the catalogue that it was fitted on."
        )
    return vectors
