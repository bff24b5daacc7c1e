"""The exact index: every inner product, by blocks that fit the cache; the oracle of all others."""

import json
from pathlib import Path
from typing import Final

import numpy as np

from crossfade.features.interactions import Floats
from crossfade.features.vectors import TrackVectors
from crossfade.retrieval.contract import Ranking, padded, top_k
from crossfade.schema.ids import NO_ROW

# Scores of one block: 256 queries x 65,536 tracks are 64 MiB.
QUERIES_PER_BLOCK: Final = 256
TRACKS_PER_BLOCK: Final = 65_536


class ExactIndex:
    """Multiplies queries with all vectors and keeps the best.

    Args:
        vectors: [num_tracks, dim]; may be memory-mapped.
    """

    is_exact = True
    recall_ = 1.0

    def __init__(self, vectors: TrackVectors) -> None:
        self.vectors = vectors

    def search(self, vectors: Floats, k: int) -> Ranking:
        """Return rows [n, k] int32 best first and inner products [n, k] float32, padded with -1 and -inf."""
        blocks = [
            self._block(vectors[i : i + QUERIES_PER_BLOCK], k)
            for i in range(0, len(vectors), QUERIES_PER_BLOCK)
        ]
        if not blocks:
            return padded(np.empty((0, 0), np.int32), np.empty((0, 0), np.float32), k)
        return np.concatenate([rows for rows, _ in blocks]), np.concatenate([scores for _, scores in blocks])

    def _block(self, queries: Floats, k: int) -> Ranking:
        rows = np.full((len(queries), k), NO_ROW, np.int32)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        for start in range(0, len(self.vectors), TRACKS_PER_BLOCK):
            best, values = top_k(queries @ self.vectors[start : start + TRACKS_PER_BLOCK].T, k)
            rows = np.hstack([rows, np.where(best >= 0, best + start, best)])
            scores = np.hstack([scores, values])
        chosen, values = top_k(scores, k)
        return padded(np.take_along_axis(rows, np.maximum(chosen, 0), axis=1), values, k)

    def save(self, directory: Path) -> None:
        """Write `index.json`; the vectors are kept by whoever owns them."""
        directory.mkdir(parents=True, exist_ok=True)
        about = {"backend": "exact", "num_tracks": len(self.vectors), "recall": self.recall_}
        (directory / "index.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
