"""A lake and a workspace in which one person stands everywhere: tables, quarantine, lists, bundles, playlists, runs and logs."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossfade.features.dataset import Dataset
from crossfade.features.make_dataset import make_dataset
from crossfade.lake import bots
from crossfade.lake.build import refresh
from crossfade.lake.lake import Lake
from crossfade.privacy.erase import Places
from crossfade.quality.bots import put_on_list
from crossfade.recommender.bundle import POLICIES, write_bundle
from crossfade.recommender.surfaces import write_policies
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import Settings, parse_settings
from crossfade.schema.user_keys import UserKey, point_to_keys, write_keys
from crossfade.sources.importing import import_files
from crossfade.store import shards
from tests.store.weeks import Planted, Week, activate

KEY = UserKey(b"k" * 32)
PERSON = "zz-planted-4711-zoë"
OTHERS = tuple(f"listener-{number:02}" for number in range(6))
SETTINGS: Settings = parse_settings("", ["quality.max_quarantined_share=0.5"])


def world(root: Path) -> Places:
    """Open the world that `plant` made at a path, or a copy of it."""
    return Places(Lake.open(root / "lake"), Workspace.open(root / "workspace"), root / "receipts")


def plant(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import, refresh, make a dataset and a bundle, and publish a week with a recommender that needs no training."""
    lake = Lake.create(root / "lake")
    write_keys(lake.path, (KEY,))
    _import(lake, root)
    put_on_list(lake, [PERSON], bots.ALLOW)
    refresh(lake, SETTINGS)
    made = make_dataset(lake, SETTINGS)
    workspace = Workspace.create(root / "workspace")
    point_to_keys(workspace.path, lake.path)
    dataset = workspace.runs / "weekly-1" / "artifacts" / "make-dataset"
    made.save(dataset)
    week = Week(workspace, dataset, _bundle(workspace, made))
    monkeypatch.setattr(shards, "_recommender", Planted.load)
    activate(week)
    (workspace.runs / "weekly-1" / "weekly.log").write_text(
        f"ok\nslate of {KEY.pseudonym(PERSON)} is short\n"
    )
    (workspace.runs / "weekly-1" / "about.json").write_text(json.dumps({"first": PERSON, "number": 7}))
    (workspace.reports / "training-1.html").write_text("<p>A heavy listener</p>")


def _bundle(workspace: Workspace, made: Dataset) -> Path:
    def fill(directory: Path) -> None:
        made.save(directory)
        write_policies(directory / POLICIES)

    bundle = write_bundle(workspace.bundles, fill, {"parents": [], "window": {"end": made.split.end}})
    workspace.promote(bundle.name, reason="first", run_id="training-1", evaluation={})
    return bundle


def _import(lake: Lake, root: Path) -> None:
    files = root / "files"
    files.mkdir()
    lines = [
        {
            "user_id": user,
            "track_id": f"t{(number + 3 * place) % 40:02}",
            "timestamp": f"2026-01-{1 + number:02}T10:00:00Z",
            "played_ms": 60_000,
        }
        for place, user in enumerate((PERSON, *OTHERS))
        for number in range(28)
    ]
    lines.append({"user_id": PERSON, "track_id": "t01", "timestamp": "no time"})
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (files / "events.jsonl").write_text(text, "utf-8")
    pq.write_table(
        pa.table({"user_id": [PERSON, OTHERS[0]], "country": ["SE", "NO"]}), files / "users.parquet"
    )
    pq.write_table(
        pa.table({"playlist_id": ["p1"], "track_ids": [["t01", "t02"]], "user_id": [PERSON]}),
        files / "playlists.parquet",
    )
    tracks = [
        {"track_id": f"t{number:02}", "artist_ids": [f"a{number}"], "artist_name": f"Band {number}"}
        for number in range(40)
    ]
    pq.write_table(pa.Table.from_pylist(tracks), files / "catalogue.parquet")
    for name in ("events.jsonl", "users.parquet", "playlists.parquet", "catalogue.parquet"):
        import_files(lake, name.partition(".")[0], [files / name], settings=SETTINGS)
