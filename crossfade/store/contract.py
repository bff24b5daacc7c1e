"""One key-value contract for slates: (surface, user) to a slate inside a generation."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossfade.schema import columns as c
from crossfade.schema.errors import CrossfadeError

SCORES: Final = "scores"
PROPENSITIES: Final = "propensities"
SOURCES: Final = "sources"
REASON_KINDS: Final = "reason_kinds"
REASONS: Final = "reasons"
OF_VARIANT: Final = "@"  # stands between a surface and the variant whose generations these are

# Slates as columns: one line a user; the lists of a line are equally long, best track first.
SLATES: Final = pa.schema(
    [
        (c.USER_ID, pa.string()),
        (c.TRACK_IDS, pa.list_(pa.string())),
        (SCORES, pa.list_(pa.float32())),
        (PROPENSITIES, pa.list_(pa.float32())),
        (SOURCES, pa.list_(pa.string())),
        (REASON_KINDS, pa.list_(pa.string())),
        (REASONS, pa.list_(pa.string())),
        (c.TIME_ZONE, pa.string()),  # null or empty: not known
    ]
)


@dataclass(frozen=True)
class Generation:
    """What a generation was made from.

    Args:
        surface: Where its slates appear; as `variant_surface` has it where they are a variant's.
        name: Unique within the surface; the same inputs give the same name.
        bundle: Digest of the bundle that recommended.
        as_of: UTC seconds; nothing that users did from then on is in its slates.
        lake_versions: Table versions behind the users' histories.
        length: Tracks that a full slate holds.
        num_users: Slates in the generation.
        sources: Vocabulary of `sources`.
        reason_kinds: Vocabulary of `reason_kinds`.
        monday: Day (YYYY-MM-DD) from whose beginning in their time zone listeners see it; empty: all from its activation on.
        base: Name of the generation that has the slates that are the same in both; empty where all are its own.
    """

    surface: str
    name: str
    bundle: str
    as_of: int
    lake_versions: dict[str, int]
    length: int
    num_users: int
    sources: tuple[str, ...]
    reason_kinds: tuple[str, ...]
    monday: str = ""
    base: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Read a generation back from JSON values."""
        lists = {name: tuple(values[name]) for name in ("sources", "reason_kinds")}
        return cls(**{**values, **lists})


@dataclass(frozen=True)
class StoredSlate:
    """One user's slate as a reader gets it; every column has k entries, best track first.

    Args:
        playlist_id: The same for this user and surface in every generation.
        user_id: Whose slate it is.
        generation: Where it stands.
        track_ids: k track ids.
        scores: [k] float32.
        propensities: [k] float32, the probability with which each track was shown at its place.
        sources: k retrieval sources.
        reason_kinds: k kinds of reason.
        reasons: k texts, empty where no true reason is known.
        zone: The user's time zone, empty where it is not known.
        monday: The generation's.
    """

    playlist_id: str
    user_id: str
    generation: str
    track_ids: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    propensities: npt.NDArray[np.float32]
    sources: tuple[str, ...]
    reason_kinds: tuple[str, ...]
    reasons: tuple[str, ...]
    zone: str = ""
    monday: str = ""


@dataclass(frozen=True)
class PackedSlate:
    """One user's slate as it is kept, for readers who do not need its columns; `encoding.decode` reads them.

    Args:
        user_id: Whose slate it is.
        about: The generation in which it stands.
        content: As `crossfade/store/encoding.py` has it, not compressed.
    """

    user_id: str
    about: Generation
    content: bytes


class StaleError(CrossfadeError):
    """What was live at the last look may not be any more."""


class LiveReads(Protocol):
    """Reads of live slates that an event loop waits for, without a thread."""

    async def packed(self, surface: str, user: str) -> PackedSlate | None:
        """Return what the store's own `packed` does, or raise a `StaleError`: then that one has to be asked."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class SlateReader(Protocol):
    """A view of one generation; it stays whole while other processes activate, roll back and prune."""

    @property
    def generation(self) -> Generation:
        """What is looked at."""
        ...

    def get(self, user: str) -> StoredSlate | None:
        """Return the user's slate, None for a user without one."""
        ...

    def packed(self, user: str) -> PackedSlate | None:
        """Return what `get` does, as it is kept."""
        ...

    def __len__(self) -> int:
        """Return the number of slates."""
        ...


class GenerationWriter(Protocol):
    """A generation that is being written and that no reader sees yet."""

    def put_many(self, slates: pa.Table) -> None:
        """Add slates (columns as in `SLATES`) and read them back; a user who is there already is replaced."""
        ...

    @property
    def num_unchanged(self) -> int:
        """Slates so far that were not written again, since an earlier generation has them."""
        ...

    def __len__(self) -> int:
        """Return the number of slates so far."""
        ...


class SlateStore(Protocol):
    """Where generations live. Each surface has its own generations, one of them live."""

    def begin(
        self, generation: Generation, *, keeps_unchanged: bool = False
    ) -> AbstractContextManager[GenerationWriter]:
        """Write a generation beside the live one; it is whole when the block ends and gone when it fails.

        Args:
            generation: What it is.
            keeps_unchanged: Do not write slates again that the live generation, or the one that it stands on, has with the
                same bytes. A store may write them all the same.
        """
        ...

    def reader(self, surface: str, generation: str | None = None) -> SlateReader:
        """Open a generation; None takes the live one."""
        ...

    def get(self, surface: str, user: str) -> StoredSlate | None:
        """Return the user's slate of the live generation, None for a user without one."""
        ...

    def packed(self, surface: str, user: str) -> PackedSlate | None:
        """Return what `get` does, as it is kept."""
        ...

    def reads(self) -> LiveReads | None:
        """Return reads for one event loop; None where there are none, and threads have to ask."""
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

    def history(self, surface: str) -> list[str]:
        """Return the names of activated generations that are kept, oldest first; the last one is live."""
        ...

    def live_since(self, surface: str) -> float | None:
        """Return when readers were switched to the live generation, UTC seconds; None where that is not known."""
        ...

    def generations(self, surface: str) -> list[Generation]:
        """Return the whole generations, sorted by name."""
        ...

    def surfaces(self) -> list[str]:
        """Return the surfaces that have generations of slates, sorted; those of variants, too."""
        ...

    def erase(self, surface: str, users: Collection[str], bundles: Mapping[str, str]) -> dict[str, int]:
        """Remove users from every generation so that no byte of them stays; return {generation: slates removed}.

        Args:
            surface: Whose generations.
            users: Names under which a person may stand.
            bundles: {digest: digest of the bundle that replaced it}, for what generations tell of themselves.
        """
        ...

    def prune(self, surface: str, keep: int) -> list[str]:
        """Remove all but the last `keep` activated generations (the live one included); return what went.

        A generation that one of them stands on stays, too; nothing rolls back to it any more.
        """
        ...


def playlist_id(surface: str, user: str) -> str:
    """Return the id under which a user's slates of a surface are known, the same in every generation and variant."""
    return blake2b(f"{shown_surface(surface)}\0{user}".encode(), digest_size=12).hexdigest()


def variant_surface(surface: str, variant: str) -> str:
    """Return the surface under which a store keeps a variant's own generations.

    Args:
        surface: Where they appear.
        variant: EXPERIMENT.VARIANT; empty for what everybody else gets.
    """
    return f"{surface}{OF_VARIANT}{variant}" if variant else surface


def shown_surface(surface: str) -> str:
    """Return where a stored generation appears, whosever it is."""
    return surface.partition(OF_VARIANT)[0]
