"""Messages between the broker and the lake: gathered by partition, handed over as one batch."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Value = bytes | None  # None is a message without a value, which Kafka calls a tombstone


class Partition(NamedTuple):
    """One partition of a topic."""

    topic: str
    number: int


@dataclass(frozen=True)
class Stretch:
    """What a batch holds of one partition: where the lake stood when it was read, and the offset after its last message."""

    partition: Partition
    start: int | None
    end: int


@dataclass(frozen=True)
class Batch:
    """Messages [n], those of a partition together and in its order.

    Args:
        values: [n].
        owners: [n] int64, places in `stretches`.
        offsets: [n] int64.
        stretches: One for each partition.
    """

    values: list[Value]
    owners: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    stretches: tuple[Stretch, ...]


@dataclass
class _Gathered:
    start: int | None
    values: list[Value] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    num_bytes: int = 0


class Buffer:
    """Messages that are not in the lake yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._parts: dict[Partition, _Gathered] = {}
        self._since: float | None = None

    def add(self, partition: Partition, start: int | None, values: list[Value], offsets: list[int]) -> None:
        """Add messages of one partition, later than those that are here; `start` is where the lake stands in it."""
        part = self._parts.setdefault(partition, _Gathered(start))
        part.values += values
        part.offsets += offsets
        part.num_bytes += sum(len(value) for value in values if value)
        self._since = self._clock() if self._since is None else self._since

    def drop(self, partition: Partition) -> None:
        """Forget a partition's messages."""
        self._parts.pop(partition, None)
        self._since = self._since if self._parts else None

    def __contains__(self, partition: Partition) -> bool:
        """Return whether messages of a partition are here."""
        return partition in self._parts

    @property
    def num_rows(self) -> int:
        """Number of messages."""
        return sum(len(part.values) for part in self._parts.values())

    @property
    def num_bytes(self) -> int:
        """Bytes of the messages' values."""
        return sum(part.num_bytes for part in self._parts.values())

    @property
    def seconds(self) -> float:
        """How long the first message has been waiting; 0 where there is none."""
        return 0.0 if self._since is None else self._clock() - self._since

    def take(self) -> Batch:
        """Return all messages, at least one, and forget them."""
        parts, self._parts, self._since = self._parts, {}, None
        lengths = [len(part.values) for part in parts.values()]
        return Batch(
            [value for part in parts.values() for value in part.values],
            np.repeat(np.arange(len(parts)), lengths),
            np.concatenate([np.array(part.offsets, np.int64) for part in parts.values()]),
            tuple(Stretch(partition, part.start, part.offsets[-1] + 1) for partition, part in parts.items()),
        )
