"""Slates that are as they were: a generation keeps a mark for them, and the bytes stay in an earlier one.

A generation may stand on a base: an earlier generation that is whole in itself. Whose slate has the same bytes in both has an
empty value, which no slate packs to. So a read needs two values at most, everybody in a generation has a key in it, and what is
live is still named by one write. Bases stand on nothing, since else a read would have to follow a chain of weeks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

from crossfade.schema.errors import IntegrityError
from crossfade.store.contract import Generation

UNCHANGED: Final = b""
# A generation of which the first slates are unchanged in no larger a share is written whole: a base that has to stay for them
# would cost more than they save.
LEAST_SHARE: Final = 0.25


class Standing(Protocol):
    """A reader of a generation that may stand on another one."""

    @property
    def generation(self) -> Generation:
        """What is looked at."""
        ...

    @property
    def base(self) -> "Standing | None":
        """The reader of what it stands on."""
        ...

    def values(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """Return what stands in the generation itself under keys [n], None where there is nothing."""
        ...


@dataclass(frozen=True)
class Base:
    """A generation that another one may stand on.

    Args:
        generation: It stands on none itself.
        values: Returns what it has under keys [n], None where it has nothing.
    """

    generation: Generation
    values: Callable[[Sequence[bytes]], Sequence[bytes | None]]

    @classmethod
    def of(cls, reader: Standing, generation: Generation) -> Self | None:
        """Return what a generation may stand on: what is read, or what that stands on; None if neither serves."""
        whole = reader.base or reader
        base = cls(whole.generation, whole.values)
        return base if base.serves(generation) else None

    def serves(self, generation: Generation) -> bool:
        """Return whether equal bytes mean equal slates in both; a generation cannot stand on itself."""
        ours, theirs = self.generation, generation
        same = (ours.sources, ours.reason_kinds) == (theirs.sources, theirs.reason_kinds)
        return same and ours.name != theirs.name and not ours.base


class Marking:
    """Puts marks in place of slates that a base has, and gives it up where it has few of the first ones.

    Args:
        base: None marks nothing.
    """

    def __init__(self, base: Base | None = None) -> None:
        self._base, self._is_sure = base, False
        self.num_unchanged = 0

    def marked(self, values: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """Return the values to write: marks for those that the base has under the same keys."""
        if self._base is None or not values:
            return dict(values)
        held = self._base.values(list(values))
        same = [known == value for known, value in zip(held, values.values(), strict=True)]
        if not self._is_sure and sum(same) <= LEAST_SHARE * len(same):
            self._base = None
            return dict(values)
        self._is_sure = True
        self.num_unchanged += sum(same)
        return {
            key: UNCHANGED if is_same else value
            for (key, value), is_same in zip(values.items(), same, strict=True)
        }

    def about(self, generation: Generation) -> Generation:
        """Return the generation as it is written down, with the base that it stands on."""
        return replace(generation, base=self._base.generation.name if self._base else "")


def base_is_gone(generation: Generation) -> IntegrityError:
    """Return the error of a generation whose base was removed while it was written."""
    return IntegrityError(
        f"Generation {generation.base} of {generation.surface}, which has the unchanged slates of {generation.name}, was removed "
        "while that was written; publish it again."
    )
