"""The weekly batch: plan, compute shards, publish a verified generation, activate it, roll back."""

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossfade.features.catalogue import Catalogue
from crossfade.features.interactions import SECONDS_PER_DAY
from crossfade.recommender.bundle import POLICIES
from crossfade.recommender.surfaces import load_policies
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.background import in_background
from crossfade.schema.durable import remove_directory
from crossfade.schema.errors import IntegrityError
from crossfade.schema.settings import WeeklySettings
from crossfade.schema.tables import Surface
from crossfade.store.checks import SlateChecks
from crossfade.store.contract import Generation, GenerationWriter, SlateStore, variant_surface
from crossfade.store.mondays import num_shown
from crossfade.store.opening import opened
from crossfade.store.plan import PLAN, ShardSpec, plan_shards, read_plan, shard_home
from crossfade.store.shards import FEW_CANDIDATES, Receipt, generate_shard

PUBLISHED: Final = ".published"  # beside the plan of a batch that is in some store
ABANDONED_SECONDS: Final = 7 * SECONDS_PER_DAY  # whose week is over

__all__ = ["Published", "activate", "generate_shard", "plan_shards", "publish", "rollback", "store_of"]


@dataclass(frozen=True)
class Published:
    """What stands in a published generation.

    Args:
        generation: Its name.
        num_users: Slates.
        num_full: Slates of full length.
        short: Number of shorter slates by reason.
        num_unchanged: Slates that were not written, since an earlier generation has the same bytes.
    """

    generation: str
    num_users: int
    num_full: int
    short: Mapping[str, int]
    num_unchanged: int = 0


def store_of(workspace: Workspace, settings: WeeklySettings | None = None) -> SlateStore:
    """Return the store that playlists are published to: `store_url`, else the workspace's own."""
    if settings is None:
        return opened("", workspace)
    return opened(settings.store_url, workspace, expire_hours=settings.expire_hours)


def publish(workspace: Workspace, settings: WeeklySettings, surface: Surface, generation: str) -> Published:
    """Load a planned generation's shards into the store and verify them there, in the background; nothing becomes live.

    Slates are checked against catalogue and policy of the bundle that recommended. Publishing again is safe:
    it verifies all shards, keeps what was published under this name, and replaces it only where it is damaged.

    Args:
        workspace: Has the bundle, the plan, the shards and the store.
        settings: `max_short_share`, `store_url`, `expire_hours`, `variant` and `rewrite` are read.
        surface: Whose generation it is.
        generation: Its name, from the plan.

    Raises:
        NotFoundError: The generation was never planned, or its bundle is gone.
        IntegrityError: A shard is missing or changed, a slate is not what it must be, or more slates than
            `max_short_share` are short for lack of candidates. The live generation and what was published before are untouched.
        CrossfadeError: The disk is full or broken; likewise.
    """
    planned, shards = read_plan(workspace, surface, generation)
    bundle_dir = workspace.bundle(planned.bundle)
    policy = load_policies(bundle_dir / POLICIES)[surface]
    checks = SlateChecks(Catalogue.load(bundle_dir), policy, planned.length)
    publication = _Publication(planned, checks, shard_home(workspace, surface, planned.name))
    stored = replace(planned, surface=variant_surface(surface, settings.variant))
    store, keeps = store_of(workspace, settings), settings.rewrite == "changed"

    def written(stop: Event) -> Published:
        with store.begin(stored, keeps_unchanged=keeps) as writer:
            for spec in shards:
                if stop.is_set():
                    raise InterruptedError("Publishing was interrupted; what was live still is.")
                publication.add(spec, writer)
            return publication.finished(writer, settings.max_short_share)

    published = in_background(written)
    # All is in the store: where the disk takes no mark, the shards go earlier than they need.
    with suppress(OSError):
        (shard_home(workspace, surface, planned.name) / PUBLISHED).touch()
    return published


def activate(workspace: Workspace, settings: WeeklySettings, surface: Surface, generation: str) -> list[str]:
    """Make a published generation live by one atomic write, and remove those older than `keep_generations`.

    Shards go with their generation, and those of batches that were not published and had no shard finished for a week.
    Where listeners wait for their Monday, the newest week that is not of that Monday stays in any case: they have it until then.

    Returns:
        Names of the removed generations.

    Raises:
        NotFoundError: The generation is not published.
    """
    store, stored = store_of(workspace, settings), variant_surface(surface, settings.variant)
    store.activate(stored, generation)
    removed = store.prune(stored, max(settings.keep_generations, num_shown(store, stored)))
    for name in removed:
        remove_directory(shard_home(workspace, surface, name))
    _sweep(workspace, surface)
    return removed


def rollback(workspace: Workspace, surface: Surface, settings: WeeklySettings | None = None) -> str:
    """Make the generation before the live one live again, and return its name.

    Raises:
        NotFoundError: There is none.
    """
    variant = settings.variant if settings else ""
    return store_of(workspace, settings).rollback(variant_surface(surface, variant))


def _sweep(workspace: Workspace, surface: Surface) -> None:
    """Remove batches that were published into no store, for no variant, and whose directory has got no file for a week."""
    due = time.time() - ABANDONED_SECONDS
    for home in [path.parent for path in workspace.weekly.glob(f"{surface}/*/{PLAN}")]:
        with suppress(FileNotFoundError):  # a variant's activation sweeps, too
            if not (home / PUBLISHED).exists() and home.stat().st_mtime < due:
                remove_directory(home)


class _Publication:
    """One generation on its way into the store; saves handing running totals through every call."""

    def __init__(self, planned: Generation, checks: SlateChecks, home: Path) -> None:
        self._planned, self._checks, self._home = planned, checks, home
        self._short: Counter[str] = Counter()
        self._num_full = self._num_users = self._num_tracks = 0
        self._last_user: str | None = None

    def add(self, spec: ShardSpec, writer: GenerationWriter) -> None:
        """Check one shard and write it to the store."""
        receipt = Receipt.read(self._home / spec.stem)
        if receipt is None:
            raise self._refused(f"{spec.stem} is not finished, or its file is not what its receipt says")
        num_users = 0
        for batch in pq.ParquetFile((self._home / spec.stem).with_suffix(".parquet")).iter_batches():
            slates = pa.Table.from_batches([batch])
            if fault := self._checks.fault(slates) or self._disorder(slates):
                raise self._refused(f"{spec.stem}: {fault}")
            writer.put_many(slates)
            num_users += slates.num_rows
            self._num_tracks += len(pc.list_flatten(slates.column(c.TRACK_IDS)))
        if not num_users == receipt.num_full + sum(receipt.short.values()) == spec.stop - spec.first:
            raise self._refused(f"{spec.stem} has {num_users} users instead of {spec.stop - spec.first}")
        self._num_users += num_users
        self._num_full += receipt.num_full
        self._short.update(receipt.short)

    def finished(self, writer: GenerationWriter, max_short_share: float) -> Published:
        """Check the whole."""
        planned = self._planned
        if not len(writer) == self._num_users == planned.num_users:
            raise self._refused(f"it has {len(writer)} slates for {planned.num_users} users")
        if not self._num_tracks:
            raise self._refused(f"it has no track for anybody: {dict(self._short)}")
        num_short = self._short[FEW_CANDIDATES]
        if num_short > max_short_share * self._num_users:
            raise self._refused(
                f"{num_short:,} of {self._num_users:,} users ({num_short / self._num_users:.0%}) have fewer than "
                f"{planned.length} tracks for lack of candidates, more than weekly.max_short_share="
                f"{max_short_share:g} allows; if that is as it must be in so small a catalogue, raise it, else train "
                "a new champion"
            )
        return Published(
            planned.name, self._num_users, self._num_full, dict(self._short), writer.num_unchanged
        )

    def _disorder(self, slates: pa.Table) -> str | None:
        """Users in ascending order, across shards too, are each there once."""
        users = slates.column(c.USER_ID).combine_chunks()
        before = pa.concat_arrays([pa.array([self._last_user], pa.string()), users[:-1]])
        self._last_user = users[-1].as_py()
        place = pc.index(pc.fill_null(pc.greater(users, before), True), False).as_py()
        return None if place < 0 else f"user {users[place]} is there twice or out of order"

    def _refused(self, fault: str) -> IntegrityError:
        return IntegrityError(
            f"Generation {self._planned.name} of {self._planned.surface} is not published: {fault}. What was "
            f"live still is; remove the shards in {self._home} and run again: crossfade run weekly."
        )
