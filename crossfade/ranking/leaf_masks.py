"""Trees grown leaf by leaf as masks of their leaves: what a candidate scores, read without the library that grew them.

LightGBM walks each tree from its root for one row after the other, and a processor cannot foresee where a walk turns. Here every
question of a tree is put to many rows that stand together in memory: a row that is above a threshold strikes out the leaves on
the other side of it, and of those that are left the first is where the walk would have ended (QuickScorer, Lucchese et al. 2015,
without its order by features, so that one instruction answers for eight rows).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numba
import numpy as np
import numpy.typing as npt

from crossfade.features.interactions import Floats, Int64s
from crossfade.schema.ids import Rows

Doubles = npt.NDArray[np.float64]
Masks = npt.NDArray[np.unsignedinteger[Any]]

ROWS_TOGETHER: Final = 64  # whose masks stay in registers and the nearest cache
MOST_LEAVES: Final = 64  # bits of the widest mask
INFINITE: Final = (
    1e300  # LightGBM tells of an infinite threshold, which parts what is missing from all else, so
)
# Multiplied by a power of two, each has other leading six bits (de Bruijn): so the place of a single bit is looked up.
DE_BRUIJN: Final = np.uint64(0x03F79D71B4CB0A89)
_LEADING: Final = np.uint64(58)
_ONE: Final = np.uint64(1)


class _Node(NamedTuple):
    """A question: rows above the border, and those without a value where `is_missing_above`, keep the leaves in `kept`."""

    is_missing_above: bool
    place: int
    border: float
    kept: int


@dataclass(frozen=True)
class LeafMasks:
    """Trees of at most 64 leaves, which are numbered from left to right.

    Args:
        offsets: [num_trees, 3] int64: where a tree's nodes begin, where those begin that take what is missing for above, and
            where they end.
        places: [num_nodes] int32 features.
        borders: [num_nodes] float32.
        kept: [num_nodes] uint32 or uint64, the leaves that are left to rows above the border.
        leaves: [num_trees, most leaves] float64.
    """

    offsets: Int64s
    places: Rows
    borders: Floats
    kept: Masks
    leaves: Doubles

    @classmethod
    def of(cls, model: Any) -> Self | None:
        """Read them off a LightGBM booster of numeric features; None where a tree has more leaves or asks something else."""
        trees = [_Tree(told["tree_structure"]) for told in model.dump_model()["tree_info"]]
        most = max((len(tree.leaves) for tree in trees), default=1)
        if most > MOST_LEAVES or not all(tree.is_plain for tree in trees):
            return None
        leaves = np.zeros((len(trees), most))
        for number, tree in enumerate(trees):
            leaves[number, : len(tree.leaves)] = tree.leaves
        nodes = [node for tree in trees for node in sorted(tree.nodes)]
        ends = np.cumsum([len(tree.nodes) for tree in trees], dtype=np.int64)
        missing = np.array([sum(node.is_missing_above for node in tree.nodes) for tree in trees], np.int64)
        starts = ends - np.array([len(tree.nodes) for tree in trees], np.int64)
        return cls(
            np.stack([starts, ends - missing, ends], axis=1),
            np.array([node.place for node in nodes], np.int32),
            _not_above(np.array([node.border for node in nodes], np.float64)),
            np.array([node.kept for node in nodes], np.uint64).astype(
                np.uint32 if most <= MOST_LEAVES // 2 else np.uint64
            ),
            leaves,
        )

    def predict(self, features: Floats) -> Doubles:
        """Add up leaves for rows [rows, num_features] float32, read fastest in Fortran's order; returns [rows] float64.

        Rows need every feature that the trees were grown on; callers see to that.
        """
        totals = np.zeros(len(features))
        trees = (self.offsets, self.places, self.borders, self.kept, self.leaves)
        _add_up(np.asfortranarray(features).T, trees, (_PLACES, ~self.kept.dtype.type(0)), totals)
        return totals


class _Tree:
    """Nodes and leaves of a tree as LightGBM tells of it."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.nodes: list[_Node] = []
        self.leaves: list[float] = []
        self.is_plain = True
        self._read(root)

    def _read(self, told: Mapping[str, Any]) -> int:
        """Read what stands below; returns its leaves as a mask."""
        if "split_index" not in told:
            self.leaves.append(told["leaf_value"])
            return 1 << (len(self.leaves) - 1)
        below, above = self._read(told["left_child"]), self._read(told["right_child"])
        kind = told["missing_type"]
        self.is_plain &= told["decision_type"] == "<=" and kind in ("None", "NaN")
        if not self.is_plain:
            return below | above
        # Where a feature had no missing values in training, one without a value is 0 to LightGBM.
        is_missing_above = told["threshold"] < 0 if kind == "None" else not told["default_left"]
        every_other = ~below & ((1 << MOST_LEAVES) - 1)
        self.nodes.append(_Node(is_missing_above, told["split_feature"], told["threshold"], every_other))
        return below | above


def _not_above(borders: Doubles) -> Floats:
    """Return for each border the greatest float32 that is not above it: the same float32 are above both."""
    borders = np.where(borders >= INFINITE, np.inf, borders)
    with np.errstate(over="ignore"):
        found = borders.astype(np.float32)
    return np.where(found > borders, np.nextafter(found, np.float32(-np.inf)), found)


# [64] uint8: the place of the bit whose product with the number begins so.
_PLACES: Final = np.argsort((_ONE << np.arange(MOST_LEAVES, dtype=np.uint64)) * DE_BRUIJN >> _LEADING).astype(
    np.uint8
)


@numba.njit(cache=True, nogil=True)
def _add_up(columns, trees, known, totals):  # type: ignore[no-untyped-def]
    """Add to totals [rows] the leaves that features [num_features, rows] lead to, tree after tree."""
    offsets, places, borders, kept, leaves = trees
    bit_places, every_leaf = known
    left = np.empty(ROWS_TOGETHER, kept.dtype)
    together = np.empty((len(columns), ROWS_TOGETHER), np.float32)
    for start in range(0, len(totals), ROWS_TOGETHER):
        count = min(ROWS_TOGETHER, len(totals) - start)
        for place in range(len(columns)):
            together[place, :count] = columns[place, start : start + count]
        for tree in range(len(offsets)):
            left[:] = every_leaf
            for node in range(offsets[tree, 0], offsets[tree, 1]):
                column, border, mask = together[places[node]], borders[node], kept[node]
                for row in range(ROWS_TOGETHER):
                    left[row] &= mask if column[row] > border else every_leaf
            for node in range(offsets[tree, 1], offsets[tree, 2]):
                column, border, mask = together[places[node]], borders[node], kept[node]
                for row in range(ROWS_TOGETHER):
                    left[row] &= every_leaf if column[row] <= border else mask
            for row in range(count):
                first = np.uint64(left[row])
                first &= ~first + _ONE
                totals[start + row] += leaves[tree, bit_places[first * DE_BRUIJN >> _LEADING]]
