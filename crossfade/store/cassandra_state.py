"""All that is known of a surface in Cassandra, and its changes: pure functions of one row's text."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from crossfade.store.contract import Generation


@dataclass(frozen=True)
class Written:
    """A whole generation, and where its slates are.

    Args:
        generation: What it was made from.
        writing: Name of this writing; another one of the same generation has another.
        buckets: Partitions that its users are spread over.
        slates: Number of them.
    """

    generation: Generation
    writing: str
    buckets: int
    slates: int


@dataclass(frozen=True)
class Leftover:
    """Slates that no generation names: being written, or replaced, or removed.

    Args:
        buckets: Partitions of the writing.
        due: UTC seconds from which nobody reads or writes them any more.
    """

    buckets: int
    due: int


@dataclass(frozen=True)
class State:
    """A surface.

    Args:
        history: Activated generations, the last one is live.
        whole: By name.
        leftovers: By writing; between them and `whole`, no slate is without a name.
        since: UTC seconds of the last switch; 0 where it is not known.
    """

    history: tuple[str, ...] = ()
    whole: Mapping[str, Written] = field(default_factory=dict)
    leftovers: Mapping[str, Leftover] = field(default_factory=dict)
    since: int = 0

    @classmethod
    def of(cls, text: str | None) -> Self:
        """Read the row's text; None is a surface without any generation."""
        if text is None:
            return cls()
        told: dict[str, Any] = json.loads(text)
        whole = {
            name: Written(**{**each, "generation": Generation.of(each["generation"])})
            for name, each in told["whole"].items()
        }
        leftovers = {writing: Leftover(**each) for writing, each in told["leftovers"].items()}
        return cls(tuple(told["history"]), whole, leftovers, told.get("since", 0))

    def text(self) -> str:
        """Return what the row keeps; equal states, equal texts."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def live(self) -> Written | None:
        """The live generation."""
        return self.whole[self.history[-1]] if self.history else None

    def begun(self, writing: str, leftover: Leftover) -> "State":
        """Note a writing before its first slate."""
        return replace(self, leftovers={**self.leftovers, writing: leftover})

    def finished(self, written: Written, due: int) -> "State":
        """Name a writing as a whole generation; one of the same name gives way, and is gone when it is due."""
        name, left = written.generation.name, dict(self.leftovers)
        left.pop(written.writing, None)
        if replaced := self.whole.get(name):
            left[replaced.writing] = Leftover(replaced.buckets, due)
        return replace(self, whole={**self.whole, name: written}, leftovers=left)

    def activated(self, name: str, now: int = 0) -> "State":
        """Make a whole generation the live one; the same again changes nothing."""
        if self.history[-1:] == (name,):
            return self
        return replace(self, history=(*self.history, name), since=now)

    def rolled_back(self, now: int = 0) -> "State":
        """Make the generation that was live before the live one."""
        return replace(self, history=self.history[:-1], since=now)

    def pruned(self, keep: int, due: int) -> "State":
        """Remove all but the last `keep` activated generations (the live one included); their slates are due later."""
        kept = set(list(dict.fromkeys(reversed(self.history)))[: max(keep, 1)])
        gone = [each for name, each in self.whole.items() if name not in kept]
        return State(
            tuple(name for name in self.history if name in kept),
            {name: each for name, each in self.whole.items() if name in kept},
            {**self.leftovers, **{each.writing: Leftover(each.buckets, due) for each in gone}},
            self.since,
        )

    def swept(self, writings: Collection[str]) -> "State":
        """Forget leftovers whose slates are gone."""
        left = {writing: each for writing, each in self.leftovers.items() if writing not in writings}
        return replace(self, leftovers=left)

    def without(self, name: str, count: int, bundles: Mapping[str, str]) -> "State":
        """Note that a generation has fewer slates, and the bundle that replaced its own."""
        each = self.whole[name]
        about, left = each.generation, each.slates - count
        told = replace(about, num_users=left, bundle=bundles.get(about.bundle, about.bundle))
        return replace(self, whole={**self.whole, name: replace(each, generation=told, slates=left)})
