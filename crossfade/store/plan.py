"""The plan of a weekly batch: its generation, and the shards of users that are computed one by one."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from crossfade.features.dataset import Dataset
from crossfade.recommender.bundle import POLICIES
from crossfade.recommender.manifest import DIGEST, file_digests, read_manifest
from crossfade.recommender.surfaces import load_policies
from crossfade.recommender.wording import ReasonKind
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.code import code_version
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import InputError, IntegrityError, NotFoundError, SettingsError
from crossfade.schema.settings import WeeklySettings
from crossfade.schema.tables import Surface
from crossfade.store.contract import Generation
from crossfade.store.mondays import monday_of

PLAN: Final = "plan.json"
PLANNED: Final = ".planned"  # beside it, and never written again: its time is that of the first plan
KINDS: Final = tuple(kind.name.lower() for kind in ReasonKind)


@dataclass(frozen=True)
class ShardSpec:
    """One resumable unit of work: the users at rows [first, stop) of the dataset.

    Shards are ranges and not hashes: users stand sorted by id, so that a shard reads one stretch of the
    histories and the store is filled in the order of its keys.
    """

    surface: str
    generation: str
    index: int
    num_shards: int
    first: int
    stop: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Read a spec back from JSON; whole numbers may come as floats, as Kubeflow hands them on."""
        numbers = {name: int(values[name]) for name in ("index", "num_shards", "first", "stop")}
        return cls(str(values["surface"]), str(values["generation"]), **numbers)

    def as_json(self) -> dict[str, Any]:
        """Return the spec as JSON-able values."""
        return asdict(self)

    @property
    def num_users(self) -> int:
        """Users of the shard."""
        return self.stop - self.first

    @property
    def stem(self) -> str:
        """File name without ending."""
        return f"shard-{self.index:05d}-of-{self.num_shards:05d}"


def plan_shards(
    dataset_dir: Path, bundle_dir: Path, workspace: Workspace, settings: WeeklySettings, surface: Surface
) -> list[ShardSpec]:
    """Plan a weekly batch over all users of a dataset, and write the plan down; equal inputs, equal plan.

    Args:
        dataset_dir: As `Dataset.save` wrote it; histories are read up to its end.
        bundle_dir: Recommends.
        workspace: Keeps plan and shards.
        settings: `users_per_shard`, `monday` and `keep_generations` are read.
        surface: Whose policy gives the length of a slate.

    Raises:
        SettingsError: Listeners get the week at their own Monday, and the one before would be gone by then.
        InputError: The dataset has no users.
    """
    is_local = settings.monday == "local"
    if is_local and settings.keep_generations < 2:
        raise SettingsError(
            f"weekly.monday=local needs weekly.keep_generations of at least 2, got {settings.keep_generations}: until their "
            "Monday listeners get the week before."
        )
    dataset = Dataset.load(dataset_dir)
    generation = _generation(dataset, dataset_dir, bundle_dir, surface, is_local=is_local)
    if not generation.num_users:
        raise InputError(f"The dataset at {dataset_dir} has no users to recommend to; import events first.")
    starts = range(0, generation.num_users, settings.users_per_shard)
    shards = [
        ShardSpec(
            surface=surface,
            generation=generation.name,
            index=index,
            num_shards=len(starts),
            first=first,
            stop=min(first + settings.users_per_shard, generation.num_users),
        )
        for index, first in enumerate(starts)
    ]
    plan = {"generation": asdict(generation), "shards": [shard.as_json() for shard in shards]}
    home = shard_home(workspace, surface, generation.name)
    replace_file(home / PLAN, json.dumps(plan, indent=2).encode())
    first = home / PLANNED
    if not first.exists():  # else it is started again, and listeners have waited since then
        first.touch()
    return shards


def read_plan(workspace: Workspace, surface: str, generation: str) -> tuple[Generation, list[ShardSpec]]:
    """Read the plan of a generation.

    Raises:
        NotFoundError: It was never planned.
        IntegrityError: The plan's file is damaged.
    """
    path = shard_home(workspace, surface, generation) / PLAN
    if not path.is_file():
        raise NotFoundError(
            f"Generation {generation} of {surface} is not planned in {path.parent}; "
            "run: crossfade run weekly."
        )
    plan = plan_in(path)
    return Generation.of(plan["generation"]), specs_of(plan)


def plan_in(path: Path) -> dict[str, Any]:
    """Read the file of a plan as it was written: `generation` and `shards`.

    Raises:
        IntegrityError: It is damaged.
    """
    try:
        plan = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise IntegrityError(
            f"The plan {path} is damaged: {error}. Run again: crossfade run weekly, which writes it anew and keeps finished "
            "shards."
        ) from error
    return dict(plan)


def specs_of(plan: Mapping[str, Any]) -> list[ShardSpec]:
    """Return the shards of what `plan_in` read."""
    return [ShardSpec.of(shard) for shard in plan["shards"]]


def _generation(
    dataset: Dataset, dataset_dir: Path, bundle_dir: Path, surface: Surface, *, is_local: bool
) -> Generation:
    """Return the generation that a bundle makes of a dataset, named by all that its slates depend on, code included."""
    inputs: dict[str, Any] = {
        "surface": str(surface),
        "bundle": str(read_manifest(bundle_dir)[DIGEST]),
        "as_of": dataset.split.end,
        "lake_versions": dataset.lake_versions,
        "length": load_policies(bundle_dir / POLICIES)[surface].k,
        "num_users": len(dataset.users),
        "monday": monday_of(dataset.split.end).isoformat() if is_local else "",
    }
    content = [inputs, file_digests(dataset_dir), code_version()]
    key = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    day = datetime.fromtimestamp(dataset.split.end, UTC).strftime("%Y%m%d")
    return Generation(name=f"{day}-{key}", sources=c.SLATE_SOURCES, reason_kinds=KINDS, **inputs)


def shard_home(workspace: Workspace, surface: str, generation: str) -> Path:
    """Return the directory of a generation's plan and shards."""
    return workspace.weekly / surface / generation
