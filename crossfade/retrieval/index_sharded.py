"""Several ScaNN indexes over one catalogue, searched one after the other and merged: what is built at once is a part of it.

Tracks are dealt out in turn, row by row, so that those of an artist or a genre stand in all parts alike. A listener's best k
are then spread evenly, and each part is asked for its share of them and some more instead of for k.
"""

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np

from crossfade.features.interactions import Floats
from crossfade.features.vectors import TrackVectors
from crossfade.retrieval.contract import Ranking, padded, top_k
from crossfade.retrieval.index_exact import ExactIndex
from crossfade.retrieval.index_scann import ScannIndex, recall_against
from crossfade.schema.ids import Rows
from crossfade.schema.settings import IndexSettings

# Were the best dealt out by chance, a part would hold its share of them with a standard deviation of at most the share's
# root; so many more are asked for.
MORE_DEVIATIONS: Final = 4


class ShardedIndex:
    """ScaNN indexes, of which the part p of s holds the tracks p, p + s, p + 2 s and so on.

    Args:
        parts: The indexes.
        num_tracks: Vectors in all of them.
        recall: Of the whole, measured against exact on held-out queries.
    """

    is_exact = False

    def __init__(self, parts: list[ScannIndex], *, num_tracks: int, recall: float = 0.0) -> None:
        self.parts = parts
        self.num_tracks = num_tracks
        self.recall_ = recall

    @classmethod
    def build(
        cls, vectors: TrackVectors, settings: IndexSettings, queries: Floats, truth: Rows
    ) -> "ShardedIndex":
        """Build one part after the other, each as wide as recall asks within it, and measure the recall of the whole.

        Args:
            vectors: [num_tracks, dim]; may be memory-mapped.
            settings: The recall floor, what trees store, and the number of parts.
            queries: [num_queries, dim] float32; every other one measures the whole, the rest have their say in its width.
            truth: [num_queries, depth] int32, the exact answers.
        """
        num_parts = max(min(settings.shards, len(vectors)), 1)
        depth = asked_of_each(truth.shape[1], num_parts)
        parts = []
        for number in range(num_parts):
            part = np.ascontiguousarray(vectors[number::num_parts])
            best, _ = ExactIndex(part).search(queries, min(depth, len(part)))
            parts.append(ScannIndex.build(part, settings, queries, best))
        index = cls(parts, num_tracks=len(vectors))
        judges = min(1, len(queries) - 1)
        found, _ = index.search(queries[judges::2], truth.shape[1])
        index.recall_ = recall_against(truth[judges::2], found)
        return index

    def search(self, vectors: Floats, k: int) -> Ranking:
        """Return rows [n, k] int32 best first and inner products [n, k] float32, padded with -1 and -inf."""
        num_parts = len(self.parts)
        answers = [part.search(vectors, asked_of_each(k, num_parts)) for part in self.parts]
        rows = np.hstack(
            [np.where(best >= 0, best * num_parts + number, best) for number, (best, _) in enumerate(answers)]
        )
        chosen, products = top_k(np.hstack([products for _, products in answers]), k)
        return padded(
            np.take_along_axis(rows, np.maximum(chosen, 0), axis=1), products[:, : rows.shape[1]], k
        )

    def save(self, directory: Path) -> None:
        """Write each part into a directory of its own, and `index.json`."""
        directory.mkdir(parents=True, exist_ok=True)
        for number, part in enumerate(self.parts):
            part.save(directory / _name(number))
        about = {
            "backend": "sharded",
            "num_tracks": self.num_tracks,
            "parts": len(self.parts),
            "recall": self.recall_,
        }
        (directory / "index.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, directory: Path, about: dict[str, Any]) -> "ShardedIndex":
        """Read what `save` wrote; `about` is the parsed `index.json`."""
        homes = [directory / _name(number) for number in range(about["parts"])]
        parts = [
            ScannIndex.load(home, json.loads((home / "index.json").read_text("utf-8"))) for home in homes
        ]
        return cls(parts, num_tracks=about["num_tracks"], recall=about["recall"])


def asked_of_each(k: int, num_parts: int) -> int:
    """Return how many tracks each part is asked for, so that the best k of all are very likely among them."""
    share = k / num_parts
    return k if num_parts == 1 else min(k, math.ceil(share + MORE_DEVIATIONS * math.sqrt(share)))


def _name(number: int) -> str:
    return f"part-{number:03d}"
