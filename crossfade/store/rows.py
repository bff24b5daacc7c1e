"""The key-value side of the store's contract: bytes under keys inside generations, one of which is live.

`EmbeddedStore` keeps slates and rows alike; `redis_rows.RedisRows` keeps rows for many servers.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from crossfade.store.contract import Generation

LONGEST_KEY_BYTES: Final = 511  # LMDB's


class RowReader(Protocol):
    """A view of one generation."""

    @property
    def generation(self) -> Generation:
        """What is looked at."""
        ...

    def values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values under n keys of 1 to 511 bytes, None where there is none."""
        ...

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys with their values, in no order."""
        ...


class RowWriter(Protocol):
    """A generation that is being written and that no reader sees yet."""

    def put_values(self, values: Mapping[bytes, bytes]) -> None:
        """Add values under keys of 1 to 511 bytes and read them back; what is there already is replaced."""
        ...


class RowStore(Protocol):
    """Where generations live; `surface` is the name of the family of generations, as in `SlateStore`."""

    def begin(self, generation: Generation) -> AbstractContextManager[RowWriter]:
        """Write a generation beside the live one; it is whole when the block ends and gone when it fails."""
        ...

    def reader(self, surface: str, generation: str | None = None) -> RowReader:
        """Open a generation; None takes the live one."""
        ...

    def activate(self, surface: str, generation: str) -> None:
        """Make a whole generation the live one, by one atomic write."""
        ...

    def rollback(self, surface: str) -> str:
        """Make the generation that was live before the live one, and return its name."""
        ...

    def live(self, surface: str) -> str | None:
        """Return the name of the live generation, None before the first activation."""
        ...

    def generations(self, surface: str) -> list[Generation]:
        """Return the whole generations, sorted by name."""
        ...

    def prune(self, surface: str, keep: int) -> list[str]:
        """Remove all but the last `keep` activated generations (the live one included); return what went."""
        ...
