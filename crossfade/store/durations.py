"""How long the shards of a weekly batch take, which of them are slow, and which were begun and are not finished."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

SLOW_TIMES: Final = 3.0  # a shard that takes so many times the median is told of
BEGAN: Final = (
    ".began-"  # an empty file of this start and the shard's number; the moment it was written is what it says
)


@dataclass(frozen=True)
class ShardTime:
    """A shard and how long it took, or has been going on, in seconds."""

    index: int
    seconds: float

    def __str__(self) -> str:
        """Return its number as in its file's name, and the time."""
        return f"{self.index:05d} ({duration(self.seconds)})"


@dataclass(frozen=True)
class Durations:
    """The shards of a batch at a moment.

    Args:
        median_seconds: Of finished shards; None before the first.
        slowest: Of finished shards, likewise.
        slow: Shards, finished or not, that take more than so many times the median, the slowest first.
        num_begun: Shards whose beginning was noted.
        unfinished: Shards that were begun and are not finished, the longest first. A killed one stays here until it is begun
            again: a file does not tell whether anybody still works.
    """

    median_seconds: float | None
    slowest: ShardTime | None
    slow: tuple[ShardTime, ...]
    num_begun: int
    unfinished: tuple[ShardTime, ...]

    @property
    def slow_share(self) -> float:
        """Share of begun shards that are slow."""
        return len(self.slow) / max(self.num_begun, 1)

    @classmethod
    def of(
        cls,
        home: Path,
        finished: Mapping[int, float],
        now: float,
        slow_times: float = SLOW_TIMES,
        *,
        num_shards: int,
    ) -> Self:
        """Read what shards left in the directory of their plan.

        Times are those of the files, which one file system keeps, whoever's machine wrote them. Of two who make one shard at
        once the later beginning counts.

        Args:
            home: Of plan and shards.
            finished: Number of a shard -> UTC seconds of its end.
            now: UTC seconds.
            slow_times: Times the median that make a shard slow.
            num_shards: Of the plan; an earlier one may have had more.
        """
        noted = {int(path.name.removeprefix(BEGAN)): path.stat().st_mtime for path in home.glob(f"{BEGAN}*")}
        began = {index: moment for index, moment in noted.items() if index < num_shards}
        took = [
            ShardTime(index, max(finished[index] - moment, 0.0))
            for index, moment in began.items()
            if index in finished
        ]
        unfinished = [
            ShardTime(index, now - moment) for index, moment in began.items() if index not in finished
        ]
        median = statistics.median(each.seconds for each in took) if took else None
        known = [] if median is None else _longest_first([*took, *unfinished])
        slow = tuple(each for each in known if median is not None and each.seconds > slow_times * median)
        slowest = next(iter(_longest_first(took)), None)
        return cls(median, slowest, slow, len(began), tuple(_longest_first(unfinished)))


def note_beginning(stem: Path, index: int) -> None:
    """Note that a shard (its files' common name) is begun now."""
    stem.with_name(f"{BEGAN}{index:05d}").touch()


def duration(seconds: float) -> str:
    """Return seconds for people."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {left} s"
    return f"{left} s" if seconds >= 10 or seconds == left else f"{seconds:.1f} s"


def _longest_first(shards: list[ShardTime]) -> list[ShardTime]:
    return sorted(shards, key=lambda each: (-each.seconds, each.index))
