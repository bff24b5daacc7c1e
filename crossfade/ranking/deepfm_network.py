"""What DeepFM computes, in NumPy: serving needs no TensorFlow (5 s of import, 500 MB a process)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.schema.ids import Rows

WEIGHTS: Final = ("linear", "vectors", "hidden_0", "bias_0", "hidden_1", "bias_1", "output")


@dataclass(frozen=True)
class Bins:
    """Numbers become categories: each feature's values fall between its quantiles, and a missing value is one of its own.

    Args:
        edges: [num_features, num_bins - 1] float32, ascending; equal ones leave bins empty.
    """

    edges: Floats

    @classmethod
    def of(cls, features: Floats, num_bins: int) -> Self:
        """Cut the values of features [rows, num_features] at their quantiles; one without values has a single bin."""
        cuts = np.linspace(0, 1, num_bins + 1)[1:-1]
        edges = np.zeros((features.shape[1], num_bins - 1), np.float32)
        for place, values in enumerate(features.T):
            known = values[~np.isnan(values)]
            edges[place] = np.quantile(known, cuts, method="higher") if len(known) else 0
        return cls(edges)

    @property
    def per_feature(self) -> int:
        """Categories of each feature: the bins, and one for a missing value."""
        return int(self.edges.shape[1]) + 2

    def rows(self, features: Floats) -> Rows:
        """Return the embedding row of each value [rows, num_features]; a feature's rows stand together, missing first."""
        found = np.empty(features.shape, np.int32)
        for place, edges in enumerate(self.edges):
            bins = np.searchsorted(edges, features[:, place], side="right") + 1
            found[:, place] = np.where(np.isnan(features[:, place]), 0, bins) + place * self.per_feature
        return found


def score(weights: Mapping[str, Floats], rows: Rows) -> npt.NDArray[np.float32]:
    """Return the scores [n] of candidates: first order, pairs of features, and the deep part (Guo et al. 2017).

    Args:
        weights: By the names in `WEIGHTS`; `linear` [v], `vectors` [v, dim] over v embedding rows.
        rows: [n, num_features] int32 of `Bins.rows`.
    """
    vectors = weights["vectors"][rows]
    total = vectors.sum(axis=1)
    # The sum over pairs of <v_i, v_j> is half of |sum v|^2 - sum |v|^2 (Rendle 2010).
    pairs = 0.5 * ((total**2).sum(axis=1) - (vectors**2).sum(axis=(1, 2)))
    deep = vectors.reshape(len(rows), rows.shape[1] * vectors.shape[2])
    for layer in ("0", "1"):
        deep = np.maximum(deep @ weights[f"hidden_{layer}"] + weights[f"bias_{layer}"], 0)
    scores = weights["linear"][rows].sum(axis=1) + pairs + deep @ weights["output"]
    return np.asarray(scores, np.float32)
