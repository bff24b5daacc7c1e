"""A whole batch in one process, which `kills` kills.

python -m benchmarks.weekly.batch DATASET BUNDLE WORKSPACE
"""

import sys
from pathlib import Path
from typing import Final

from benchmarks.weekly.stages import SURFACE
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import default_settings
from crossfade.store.plan import plan_shards
from crossfade.store.shards import generate_shard

USERS_PER_SHARD: Final = 500


def main() -> None:
    """Plan and make every shard of a batch in this process."""
    dataset, bundle, home = map(Path, sys.argv[1:])
    settings = default_settings().weekly.model_copy(update={"users_per_shard": USERS_PER_SHARD})
    workspace = Workspace.create(home)
    for spec in plan_shards(dataset, bundle, workspace, settings, SURFACE):
        generate_shard(dataset, bundle, workspace, settings, spec)


if __name__ == "__main__":
    main()
