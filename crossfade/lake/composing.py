"""Remembers what functions of expressions composed: of a small lake, composing takes longer than computing."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache, wraps
from typing import Final, ParamSpec

import ibis.expr.operations as ops
import ibis.expr.types as ir

REMEMBERED: Final = 32  # of each function; one refresh composes the same from a few tables only

Arguments = ParamSpec("Arguments")


def composed(function: Callable[Arguments, ir.Table]) -> Callable[Arguments, ir.Table]:
    """Let a function compose anew only from other arguments; a process that refreshes several lakes composes once.

    Args:
        function: Of tables, dataclasses of tables and hashable values, which alone decide on what it returns. Tables are equal
            if they are
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


@dataclass(frozen=True)
class _Parts:
    """A dataclass that holds tables, as what can be compared."""

    kind: Callable[..., object]
    values: tuple[object, ...]


def _frozen(value: object) -> object:
    """Return what can be compared: of a table its operation."""
    if isinstance(value, ir.Table):
        return value.op()
    if is_dataclass(value) and not isinstance(value, type):
        parts = tuple(getattr(value, field.name) for field in fields(value))
        if any(isinstance(part, ir.Table) for part in parts):
            return _Parts(type(value), tuple(map(_frozen, parts)))
    return value


def _thawed(value: object) -> object:
    if isinstance(value, _Parts):
        return value.kind(*map(_thawed, value.values))
    return value.to_expr() if isinstance(value, ops.Relation) else value
