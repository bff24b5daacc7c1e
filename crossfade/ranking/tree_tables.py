"""Symmetric trees as tables: what a candidate scores, read without the library that grew them.

CatBoost cuts every feature at all of its thresholds before it asks a tree, which is more work than asking where rows are few
hundreds. Here a tree's questions are put to rows that stand together in memory, so that one instruction answers for eight.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats
from crossfade.schema.ids import Rows

Doubles = npt.NDArray[np.float64]
# Sums, leaves and features of so many rows stay near; of fewer, setting up the questions would take longer than asking them.
ROWS_TOGETHER: Final = 512
LEVELS_TOGETHER: Final = 3  # are asked in one pass over the rows


@dataclass(frozen=True)
class TreeTables:
    """Trees of one depth, all of whose nodes of a level ask whether a feature is above a border.

    Args:
        places: [num_trees, depth] int32 features, by level.
        borders: [num_trees, depth] float32; infinite where a tree is less deep, which nothing is above.
        leaves: [num_trees, 2^depth] float64; the answer of level l is bit l of a leaf's place.
        scale: What the sum of leaves is multiplied by.
        bias: ... and then added.
    """

    places: Rows
    borders: Floats
    leaves: Doubles
    scale: float
    bias: float

    @classmethod
    def of(cls, model: Any) -> Self:
        """Read them off a fitted CatBoost model of numeric features whose missing values are the least."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            model.save_model(str(path), format="json")
            told = json.loads(path.read_text("utf-8"))
        trees, (scale, biases) = told["oblivious_trees"], told["scale_and_bias"]
        depth = max((len(tree["splits"] or []) for tree in trees), default=0)
        places, borders = np.zeros((len(trees), depth), np.int32), np.full((len(trees), depth), np.inf)
        leaves = np.zeros((len(trees), 1 << depth))
        for number, tree in enumerate(trees):
            for level, split in enumerate(tree["splits"] or []):
                places[number, level], borders[number, level] = split["float_feature_index"], split["border"]
            leaves[number, : len(tree["leaf_values"])] = tree["leaf_values"]
        return cls(places, borders.astype(np.float32), leaves, float(scale), float(sum(biases)))

    def predict(self, features: Floats) -> Doubles:
        """Score rows [rows, num_features] float32, read fastest in Fortran's order; returns [rows] float64."""
        totals = np.zeros(len(features))
        _add_up(np.asfortranarray(features).T, (*self._questions, self.leaves), totals)
        return totals * self.scale + self.bias

    @cached_property
    def _questions(self) -> tuple[Rows, Floats]:
        """Places and borders of as many levels as are asked together, or a multiple; nothing is above what is added."""
        more = -self.places.shape[1] % LEVELS_TOGETHER or LEVELS_TOGETHER * (not self.places.shape[1])
        beside = (0, 0), (0, more)
        return np.pad(self.places, beside), np.pad(self.borders, beside, constant_values=np.inf)


@numba.njit(cache=True, nogil=True)
def _add_up(columns, trees, totals):  # type: ignore[no-untyped-def]
    """Add to totals [rows] the leaves that features [num_features, rows] lead to, tree after tree."""
    places, borders, leaves = trees
    found = np.empty(ROWS_TOGETHER, np.int32)
    # Copied, since columns lie so far apart that they would push each other out of the nearest cache.
    together = np.empty((len(columns), ROWS_TOGETHER), np.float32)
    for start in range(0, len(totals), ROWS_TOGETHER):
        count = min(ROWS_TOGETHER, len(totals) - start)
        sums = totals[start : start + count]
        for place in range(len(columns)):
            together[place, :count] = columns[place, start : start + count]
        for tree in range(len(places)):
            for level in range(0, places.shape[1], LEVELS_TOGETHER):
                _ask(together, (places[tree], borders[tree]), level, found)
            values = leaves[tree]
            for row in range(count):
                sums[row] += values[np.uint32(found[row])]


@numba.njit(cache=True, nogil=True)
def _ask(columns, tree, level, found):  # type: ignore[no-untyped-def]
    """Set the bits of three levels in found [rows] int32, from the first level on."""
    places, borders = tree
    first, second, third = columns[places[level]], columns[places[level + 1]], columns[places[level + 2]]
    borders = borders[level], borders[level + 1], borders[level + 2]
    bits = np.int32(1 << level), np.int32(2 << level), np.int32(4 << level)
    nothing, kept = np.int32(0), np.int32(0 if level == 0 else -1)
    for row in range(len(found)):
        bit = bits[0] if first[row] > borders[0] else nothing
        bit |= bits[1] if second[row] > borders[1] else nothing
        bit |= bits[2] if third[row] > borders[2] else nothing
        found[row] = (found[row] & kept) | bit
