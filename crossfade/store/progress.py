"""How far a weekly batch is, how fast it goes, and when it will be done: read off its plan and the receipts beside it."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from crossfade.recommender.workspace import Workspace
from crossfade.schema.errors import NotFoundError
from crossfade.store.durations import SLOW_TIMES, Durations, duration
from crossfade.store.plan import PLAN, PLANNED, ShardSpec, plan_in, specs_of
from crossfade.store.shards import FEW_CANDIDATES


@dataclass(frozen=True)
class Progress:
    """A batch at a moment; times are UTC seconds since 1970.

    Args:
        generation: Its name.
        num_users: Users of the plan.
        num_done: ... whose shard is finished.
        num_since: ... of them finished since `started`; shards that an earlier attempt left say nothing of the rate.
        num_short: ... of those done whose slate is short for lack of candidates.
        planned: When the batch was planned, the first time.
        started: ... the last time: later where it was started again.
        newest: When its newest shard was finished; `started` before the first.
        now: The moment.
        num_shards: Of the plan.
        num_shards_done: ... that are finished.
        durations: How long shards took.
    """

    generation: str
    num_users: int
    num_done: int
    num_since: int
    num_short: int
    planned: float
    started: float
    newest: float
    now: float
    num_shards: int
    num_shards_done: int
    durations: Durations

    @classmethod
    def of(cls, plan: Path, now: float, slow_times: float = SLOW_TIMES) -> Self:
        """Read a batch by the file of its plan; shards that take more than `slow_times` the median are slow.

        Raises:
            IntegrityError: The plan's file is damaged.
        """
        planned = plan_in(plan)
        started, specs = plan.stat().st_mtime, specs_of(planned)
        finished, first = _finished(plan.parent, specs), plan.with_name(PLANNED)
        moments = {spec.index: moment for spec, _, moment in finished}
        return cls(
            plan.parent.name,
            int(planned["generation"]["num_users"]),
            sum(spec.num_users for spec, _, _ in finished),
            sum(spec.num_users for spec, _, moment in finished if moment >= started),
            sum(int(receipt["short"].get(FEW_CANDIDATES, 0)) for _, receipt, _ in finished),
            first.stat().st_mtime if first.exists() else started,  # older releases note none
            started,
            max(moments.values(), default=started),
            now,
            len(specs),
            len(finished),
            Durations.of(plan.parent, moments, now, slow_times, num_shards=len(specs)),
        )

    @property
    def users_per_second(self) -> float:
        """Users a second since the start; of a finished batch until its last shard."""
        until = self.now if self.num_done < self.num_users else self.newest
        return self.num_since / max(until - self.started, 1e-9)

    @property
    def finish(self) -> float | None:
        """When the batch was finished, or will be at its rate so far; None as long as there is no rate."""
        if self.num_done >= self.num_users:
            return self.newest
        rate = self.users_per_second
        return self.now + (self.num_users - self.num_done) / rate if rate > 0 else None

    def __str__(self) -> str:
        """Return one line for people."""
        done = f"{self.num_done:,} of {self.num_users:,} users ({self.num_done / max(self.num_users, 1):.0%})"
        if self.finish is None:
            return f"{done}, no shard since the start"
        rate = f"{self.users_per_second:,.1f} a second"
        if self.num_done >= self.num_users:
            return f"{done}, finished"
        return f"{done}, {rate}, {duration(self.finish - self.now)} left"


def _finished(home: Path, specs: Sequence[ShardSpec]) -> list[tuple[ShardSpec, dict[str, Any], float]]:
    """Return the finished shards of a plan with their receipts and UTC seconds of their ends.

    Others may lie beside them: of the same users, cut by another `weekly.users_per_shard`. What cannot be read is made again.
    """
    found = []
    for spec in specs:
        path = home / f"{spec.stem}.json"
        try:
            receipt, moment = json.loads(path.read_text("utf-8")), path.stat().st_mtime
        except (FileNotFoundError, ValueError):
            continue
        if receipt["num_users"] == spec.num_users:
            found.append((spec, receipt, moment))
    return found


def newest_plan(workspace: Workspace, surface: str) -> Path | None:
    """Return the file of the plan that was written last, None where nothing was planned."""
    plans = list((workspace.weekly / surface).glob(f"*/{PLAN}"))
    return max(plans, key=lambda plan: plan.stat().st_mtime) if plans else None


def progress_of(workspace: Workspace, surface: str, slow_times: float = SLOW_TIMES) -> Progress:
    """Return how far the newest batch of a surface is now; shards that take more than `slow_times` the median are slow.

    Raises:
        NotFoundError: Nothing was planned.
    """
    plan = newest_plan(workspace, surface)
    if plan is None:
        raise NotFoundError(
            f"No batch of {surface} is planned in {workspace.path}; run: crossfade run weekly."
        )
    return Progress.of(plan, time.time(), slow_times)
