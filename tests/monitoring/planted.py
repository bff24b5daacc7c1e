"""What a validation, a weekly batch and materialised features leave behind, without any of them."""

import json
from pathlib import Path

from crossfade.lake.lake import Lake
from crossfade.quality.validate import LAST_CHECK
from crossfade.recommender.workspace import Workspace
from crossfade.store.durations import note_beginning
from crossfade.store.embedded import EmbeddedStore
from crossfade.store.features import FAMILY, FeatureStore
from crossfade.store.plan import PLAN, ShardSpec

CHECKED = "2026-03-02T00:00:00+00:00"
FEATURES_AS_OF = 1_772_000_000


def plant(lake: Lake, workspace: Workspace) -> None:
    """Leave a check that found nothing, a batch of radio with 400 of 1000 users done, 40 slates short, and features."""
    write(lake.path / LAST_CHECK, {"checked_at": CHECKED, "failed": 0})
    batch = workspace.weekly / "radio" / "g1"
    shards = [ShardSpec("radio", "g1", 0, 2, 0, 400), ShardSpec("radio", "g1", 1, 2, 400, 1000)]
    write(batch / PLAN, {"generation": {"num_users": 1000}, "shards": [shard.as_json() for shard in shards]})
    features = FeatureStore(EmbeddedStore(workspace.store))
    features.write("f1", {}, as_of=FEATURES_AS_OF, lake_versions={})
    features.rows.activate(FAMILY, "f1")
    for index in range(2):
        note_beginning(batch / "shard-00000-of-00002", index)
    write(batch / "shard-00000-of-00002.json", {"num_users": 400, "short": {"few candidates": 40}})


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
