"""Genres: families with subgenres, how they sound, and where they lie in the space of tastes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

DIM: Final = 16  # of the latent space of tastes, shared by tracks and listeners
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Family:
    """A genre family.

    Args:
        name: As in genre lists.
        subgenres: The commonest first.
        sound: Typical values in the order of `AUDIO_FEATURES`.
        share: Of all artists.
        explicit: Share of its tracks that are explicit.
    """

    name: str
    subgenres: tuple[str, ...]
    sound: tuple[float, float, float, float, float, float, float]
    share: float
    explicit: float


FAMILIES: Final = (
    Family(
        "pop",
        ("indie pop", "synth pop", "dream pop", "dance pop", "bedroom pop"),
        (118, 0.64, -6.2, 0.58, 0.66, 0.22, 0.02),
        share=0.19,
        explicit=0.06,
    ),
    Family(
        "rock",
        ("indie rock", "garage rock", "post-rock", "psychedelic rock", "soft rock"),
        (124, 0.72, -6.8, 0.50, 0.50, 0.16, 0.10),
        share=0.17,
        explicit=0.04,
    ),
    Family(
        "hip hop",
        ("boom bap", "trap", "lo-fi hip hop", "jazz rap", "grime"),
        (104, 0.63, -6.9, 0.50, 0.76, 0.18, 0.05),
        share=0.13,
        explicit=0.45,
    ),
    Family(
        "electronic",
        ("house", "techno", "ambient", "drum and bass", "downtempo", "electro"),
        (126, 0.71, -7.6, 0.42, 0.70, 0.08, 0.62),
        share=0.13,
        explicit=0.01,
    ),
    Family(
        "soul",
        ("neo soul", "contemporary r&b", "funk", "disco", "gospel"),
        (103, 0.56, -7.4, 0.62, 0.69, 0.28, 0.03),
        share=0.09,
        explicit=0.08,
    ),
    Family(
        "folk",
        ("indie folk", "singer-songwriter", "americana", "chamber folk"),
        (112, 0.33, -11.5, 0.41, 0.48, 0.76, 0.06),
        share=0.07,
        explicit=0.01,
    ),
    Family(
        "metal",
        ("doom metal", "progressive metal", "black metal", "metalcore"),
        (129, 0.91, -5.2, 0.29, 0.38, 0.02, 0.18),
        share=0.06,
        explicit=0.12,
    ),
    Family(
        "jazz",
        ("cool jazz", "bebop", "jazz fusion", "vocal jazz"),
        (109, 0.36, -13.2, 0.50, 0.52, 0.70, 0.50),
        share=0.05,
        explicit=0.0,
    ),
    Family(
        "classical",
        ("piano solo", "string quartet", "modern classical", "baroque"),
        (97, 0.16, -21.0, 0.23, 0.28, 0.94, 0.88),
        share=0.04,
        explicit=0.0,
    ),
    Family(
        "latin",
        ("salsa", "bossa nova", "reggaeton", "cumbia"),
        (111, 0.68, -6.4, 0.69, 0.74, 0.27, 0.03),
        share=0.04,
        explicit=0.10,
    ),
    Family(
        "african",
        ("afrobeat", "amapiano", "highlife"),
        (114, 0.66, -7.1, 0.67, 0.78, 0.24, 0.09),
        share=0.02,
        explicit=0.02,
    ),
    Family(
        "reggae",
        ("roots reggae", "dub", "dancehall"),
        (94, 0.55, -7.8, 0.68, 0.74, 0.19, 0.12),
        share=0.01,
        explicit=0.05,
    ),
)

SUBGENRES: Final = tuple(subgenre for family in FAMILIES for subgenre in family.subgenres)
FAMILY_OF: Final = np.repeat(
    np.arange(len(FAMILIES), dtype=np.int32), [len(family.subgenres) for family in FAMILIES]
)


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Scale vectors [..., dim] to length 1, as float32."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)


def nearby(vectors: Floats, distance: float, rng: np.random.Generator) -> Floats:
    """Return unit vectors near the given ones [..., dim]: shifted by `distance` in random directions."""
    return unit(vectors + distance * unit(rng.standard_normal(vectors.shape)))


def genre_centres(rng: np.random.Generator) -> Floats:
    """Return [num_subgenres, dim] unit vectors: families at right angles, subgenres around their family."""
    axes = np.linalg.qr(rng.standard_normal((DIM, DIM)))[0][: len(FAMILIES)]
    return nearby(unit(axes)[FAMILY_OF], 0.75, rng)


def subgenre_shares() -> npt.NDArray[np.float64]:
    """Return [num_subgenres] shares of artists that sum to 1; the first in a family are its commonest."""
    shares = [
        family.share / (1 + rank) ** 0.5 for family in FAMILIES for rank in range(len(family.subgenres))
    ]
    return np.asarray(np.array(shares) / np.sum(shares))
