"""What a validation and a weekly batch leave behind, without either."""

import json
from pathlib import Path

from crossfade.lake.lake import Lake
from crossfade.quality.validate import LAST_CHECK
from crossfade.recommender.workspace import Workspace
from crossfade.store.plan import PLAN

CHECKED = "2026-03-02T00:00:00+00:00"


def plant(lake: Lake, workspace: Workspace) -> None:
    """Leave a check that found nothing, and a batch of radio of which 400 of 1000 users are done, 40 with a short slate."""
    write(lake.path / LAST_CHECK, {"checked_at": CHECKED, "failed": 0})
    batch = workspace.weekly / "radio" / "g1"
    write(batch / PLAN, {"generation": {"num_users": 1000}})
    write(batch / "shard-00000-of-00002.json", {"num_users": 400, "short": {"few candidates": 40}})


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
