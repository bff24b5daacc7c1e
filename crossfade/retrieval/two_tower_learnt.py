"""What two-tower training finds: plain arrays, so that it is saved, served and continued without TensorFlow."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import Floats
from crossfade.features.vectors import TrackVectors, as_stored, opened
from crossfade.schema.errors import IntegrityError
from crossfade.schema.ids import Rows

ABOUT: Final = "towers.json"
VECTORS: Final = "track_vectors.npy"
HEARD: Final = "heard.npy"
# Apart from the rest because its seconds differ from run to run; all other files of equal runs are equal.
CURVE: Final = "training_curve.json"
# Weights with a row for each id of the catalogue, and which ids.
CATALOGUE_TABLES: Final = MappingProxyType(
    {"residuals": "tracks", "artists": "contributors", "genres": "genres"}
)


@dataclass(frozen=True)
class Learnt:
    """Both towers after training, and whom the rows of their tables belong to.

    Args:
        weights: Arrays by the names in `TRACK_WEIGHTS` and `USER_WEIGHTS`.
        track_vectors: [num_tracks, dim] of length 1, by track row; perhaps packed.
        catalogue: Tracks, artists and genres.
        features: Names of the rows of the weight `projection`.
        countries: Countries in the order of their rows.
        traits: Traits in the order of their rows.
        user_buckets: [num_users] int32 row of each user in the weight `users`; empty where users have none.
        has_time: Whether seconds mean anything; without, users' histories have no age.
        history: One dict an epoch: epoch, loss, validation_recall (None without held-out users), seconds,
            examples_per_second.
        hashed: Names of the weights in `CATALOGUE_TABLES` whose rows ids share by their hash.
        heard: [num_tracks] bool tracks that training saw, where tracks share rows; else their rows tell.
    """

    weights: dict[str, Floats]
    track_vectors: TrackVectors
    catalogue: Catalogue
    features: list[str]
    countries: list[str]
    traits: list[str]
    user_buckets: Rows
    has_time: bool
    history: list[dict[str, float | None]]
    hashed: Sequence[str] = ()
    heard: npt.NDArray[np.bool_] | None = None

    @property
    def trained(self) -> npt.NDArray[np.bool_]:
        """[num_tracks] bool: tracks that training saw; the residual of others is zero."""
        if self.heard is not None:
            return self.heard
        return np.asarray(self.weights["residuals"].any(axis=1))

    def extended(self, catalogue: Catalogue, track_vectors: TrackVectors) -> Self:
        """Return the same for a catalogue with more tracks; what training has not seen of it has weights of zero.

        Args:
            catalogue: Holds all tracks of the present one.
            track_vectors: [num_tracks, dim] of length 1, by the rows of that catalogue.
        """
        weights, heard = dict(self.weights), self.heard
        if heard is not None:
            heard = np.zeros(len(catalogue), np.bool_)
            heard[catalogue.tracks.rows(self.catalogue.tracks.ids)] = self.heard
        for name in CATALOGUE_TABLES.keys() - set(self.hashed):
            ids = CATALOGUE_TABLES[name]
            rows = getattr(catalogue, ids).rows(getattr(self.catalogue, ids).ids)
            moved = np.zeros((max(len(getattr(catalogue, ids)), 1), track_vectors.shape[1]), np.float32)
            moved[rows] = weights[name][: len(rows)]
            weights[name] = moved
        return replace(self, weights=weights, track_vectors=track_vectors, catalogue=catalogue, heard=heard)

    def save(self, directory: Path) -> None:
        """Write arrays as `.npy` and the rest as JSON."""
        (directory / "weights").mkdir(parents=True, exist_ok=True)
        np.save(directory / VECTORS, as_stored(self.track_vectors))
        for name, values in self.weights.items():
            np.save(directory / "weights" / f"{name}.npy", values)
        np.save(directory / "user_buckets.npy", self.user_buckets)
        if self.heard is not None:
            np.save(directory / HEARD, self.heard)
        about = {
            "features": self.features,
            "countries": self.countries,
            "traits": self.traits,
            "has_time": self.has_time,
            "hashed": list(self.hashed),
        }
        (directory / ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")
        (directory / CURVE).write_text(json.dumps(self.history, indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Self:
        """Read what `save` wrote, arrays memory-mapped.

        Raises:
            IntegrityError: The catalogue has another number of tracks than there are vectors, or they are none.
        """
        vectors = opened(_mapped(directory / VECTORS), directory / VECTORS)
        if len(vectors) != len(catalogue):
            raise IntegrityError(
                f"{directory} has vectors of {len(vectors)} tracks but the catalogue has {len(catalogue)}; "
                "take both from one bundle."
            )
        paths = sorted((directory / "weights").glob("*.npy"))
        weights = {path.stem: _mapped(path) for path in paths}
        about = json.loads((directory / ABOUT).read_text("utf-8"))
        history = json.loads((directory / CURVE).read_text("utf-8"))
        buckets = _mapped(directory / "user_buckets.npy")
        heard = np.load(directory / HEARD) if (directory / HEARD).is_file() else None
        return cls(weights, vectors, catalogue, user_buckets=buckets, history=history, heard=heard, **about)


def _mapped(path: Path) -> npt.NDArray[Any]:
    """Memory-map an array of a file, as a plain array: what is cut of NumPy's own kind is several times as dear to make."""
    return np.asarray(np.load(path, mmap_mode="r"))
