"""Reads published slates without holding up the event loop, and without waiting for a store that is away."""

import asyncio
import time
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crossfade.schema import columns as c
from crossfade.schema.errors import CrossfadeError, IntegrityError, NotFoundError
from crossfade.schema.user_keys import UserKeys
from crossfade.store.contract import LiveReads, PackedSlate, SlateStore, StaleError, StoredSlate
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.mondays import Shown
from serving import tracing
from serving.gateway.breaker import Breaker
from serving.gateway.online import AwayError

THREADS: Final = 8
DECIMALS: Final = 6  # of scores and propensities that clients see


class Stored:
    """The store as the gateway sees it.

    Args:
        store: Where slates are published.
        is_remote: It is read over the network, so in threads; the embedded one is a memory map and read at once.
        retry_ms: How long a store that failed is left alone.
        keys: Of the pseudonyms that the store knows users by; None where it knows them by their own ids.
        now: UTC seconds, by which a listener's Monday has begun or not.
    """

    def __init__(
        self,
        store: SlateStore,
        *,
        is_remote: bool,
        retry_ms: int,
        keys: UserKeys | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._patient, self._keys, self._now = store, keys, now
        # What the event loop reads itself must not sleep.
        self._store = replace(store, tries=1) if isinstance(store, EmbeddedStore) else store
        self._waits: dict[str, Future[Any]] = {}
        self._pool = ThreadPoolExecutor(THREADS, "store") if is_remote else None
        self._reads = store.reads() if is_remote else None
        self._breaker = Breaker(retry_ms)

    @property
    def is_well(self) -> bool:
        """Whether the store answered lately."""
        return not self._breaker.is_open

    def is_pseudonym(self, user: str) -> bool:
        """Return whether a name is one under which the store knows somebody, and no client does."""
        return self._keys is not None and self._keys.made(user)

    async def get(self, surface: str, user: str, zone: str = "") -> PackedSlate | None:
        """Return the slate that a user, named by their own id, gets now; None without one.

        Args:
            surface: As the store has it.
            user: Own id.
            zone: The listener's time zone, where the request tells one; else the one that stands with the slate counts.

        Raises:
            AwayError: The store does not answer, or its answer is damaged.
        """
        if not self._breaker.may_try():
            raise AwayError("the store failed a moment ago")
        try:
            with tracing.span(f"stored {surface}"):
                slate = await self._read(Shown(self._store, surface, self._now(), zone), user)
        except NotFoundError:  # nothing is published yet
            slate = None
        except (CrossfadeError, OSError) as error:
            self._breaker.note(succeeded=False)
            raise AwayError(str(error)) from error
        self._breaker.note(succeeded=True)
        return slate

    def close(self) -> None:
        """Close connections that belong to the event loop."""
        if self._reads is not None:
            self._reads.close()

    async def _read(self, shown: Shown, user: str) -> PackedSlate | None:
        if self._pool is None:
            try:
                return self._found(shown, user)
            except IntegrityError:
                await self._whole(shown.surface)
                return self._found(shown, user)
        if self._reads is not None:
            with suppress(StaleError):
                return await self._awaited(self._reads, shown, user)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._found, shown, user)

    async def _whole(self, surface: str) -> None:
        """Wait in a thread, one for all who ask, for a live generation that is away for a moment while it is written anew.

        Raises:
            IntegrityError: It stays away, or is damaged.
        """
        waiting = self._waits.get(surface)
        if waiting is None or waiting.done():
            loop = asyncio.get_running_loop()
            waiting = self._waits[surface] = loop.run_in_executor(None, self._patient.reader, surface)
        await asyncio.shield(waiting)

    async def _awaited(self, reads: LiveReads, shown: Shown, user: str) -> PackedSlate | None:
        """Read what is live, without a thread.

        Raises:
            StaleError: Another generation may be the listener's.
        """
        for name in self._names(user):
            if packed := await reads.packed(shown.surface, name):
                if shown.has_begun(packed):
                    return packed
                raise StaleError(
                    f"{packed.about.name} has not begun for the listener; look at those before it."
                )
        return None

    def _found(self, shown: Shown, user: str) -> PackedSlate | None:
        for name in self._names(user):
            if slate := shown.packed(name):
                return slate
        return None

    def _names(self, user: str) -> list[str]:
        return self._keys.names(user) if self._keys else [user]


def tracks_of(slate: StoredSlate) -> list[dict[str, Any]]:
    """Return a stored slate's tracks as JSON-able objects."""
    columns = (
        slate.track_ids,
        _rounded(slate.scores),
        slate.sources,
        _rounded_few(slate.propensities),
        slate.reasons,
    )
    return [
        {
            c.TRACK_ID: track,
            "score": score,
            c.SOURCE: source,
            c.PROPENSITY: propensity,
            c.REASON: reason or None,
        }
        for track, score, source, propensity, reason in zip(*columns, strict=True)
    ]


def _rounded_few(values: npt.NDArray[np.float32]) -> list[float]:
    """Round values of which most are the same, as the propensities of a slate that explores little or nowhere."""
    told = values.tolist()
    rounded = {value: round(value, DECIMALS) for value in set(told)}
    return [rounded[value] for value in told]


def _rounded(values: npt.NDArray[np.float32]) -> list[float]:
    return [round(value, DECIMALS) for value in values.tolist()]
