"""Remembers what functions of expressions composed: of a small lake, composing takes longer than computing."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, ParamSpec

import ibis.expr.operations as ops
import ibis.expr.types as ir

REMEMBERED: Final = 32  # of each function; one refresh composes the same from a few tables only

Arguments = ParamSpec("Arguments")


def composed(function: Callable[Arguments, ir.Table]) -> Callable[Arguments, ir.Table]:
    """Let a function compose anew only from other arguments; a process that refreshes several lakes composes once.

    Args:
        function: Of tables and of hashable values, which alone decide on what it returns. Tables are equal if they are
            composed alike from tables of equal names and columns, in whatever session.
    """

    @lru_cache(maxsize=REMEMBERED)
    def once(arguments: tuple[object, ...], keywords: tuple[tuple[str, object], ...]) -> ir.Table:
        return function(*map(_thawed, arguments), **{name: _thawed(value) for name, value in keywords})  # type: ignore[arg-type]

    @wraps(function)
    def remembered(*arguments: Arguments.args, **keywords: Arguments.kwargs) -> ir.Table:
        named = tuple((name, _frozen(value)) for name, value in keywords.items())
        return once(tuple(map(_frozen, arguments)), named)

    return remembered


def _frozen(value: object) -> object:
    """Return what can be compared: of a table its operation."""
    return value.op() if isinstance(value, ir.Table) else value


def _thawed(value: object) -> object:
    return value.to_expr() if isinstance(value, ops.Relation) else value
