"""Where a bundle, a generation or a slate comes from: data, code, settings, parents, decisions and what started them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc

from crossfade.lake.lake import SILVER, Lake
from crossfade.recommender.manifest import read_manifest
from crossfade.recommender.promotions import Promotion
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.errors import NotFoundError
from crossfade.schema.tables import EVENTS
from crossfade.store.contract import SlateStore

EXPOSURES: Final = "exposures.jsonl"  # as the gateway names it
TOLD: Final = ("code_version", "lake", "lake_versions", "window", "seeds", "metrics", "parents", "settings")
FEW: Final = 3  # figures of a run that are shown to people
Origin = dict[str, Any]


def origin(name: str, workspace: Workspace, store: SlateStore, lake: Lake | None = None) -> Origin:
    """Tell where something comes from.

    Args:
        name: Digest of a bundle, name of a generation, or id of a slate that was shown.
        workspace: Bundles and their promotions; its log of exposures is looked at for slates.
        store: Generations.
        lake: Exposures that were imported; None looks at the workspace's log alone.

    Returns:
        `kind`, what is known of the thing itself, and under `bundle` the bundle with its `parents`.

    Raises:
        NotFoundError: Nothing of that name is known.
        IntegrityError: A manifest or the promotion log is damaged.
    """
    if (workspace.bundles / name).is_dir():
        return {"kind": "bundle", "name": name, "bundle": _bundle(name, workspace, set())}
    if generation := _generation(name, store):
        return {
            "kind": "generation",
            "name": name,
            **generation,
            "bundle": _known(generation["bundle"], workspace),
        }
    shown = next(_exposures(name, workspace, lake), None)
    if shown is None:
        raise NotFoundError(
            f"{name!r} is no bundle or generation of {workspace.path}, and no slate of its exposures"
            f"{' or of the lake' if lake else '; name --lake to look at imported ones'}."
        )
    return _slate(name, shown, workspace, store)


def _generation(name: str, store: SlateStore) -> dict[str, Any] | None:
    """Return what is known of a generation, also of a variant's; equal names have equal bundles, whose digest is `bundle`."""
    for surface in store.surfaces():
        for generation in store.generations(surface):
            if generation.name == name:
                return {
                    "surface": surface,
                    "as_of": _iso(generation.as_of),
                    "lake_versions": generation.lake_versions,
                    "num_users": generation.num_users,
                    "is_live": store.live(surface) == name,
                    "bundle": generation.bundle,
                }
    return None


def run_ids(bundle: Origin | None) -> set[str]:
    """Return the runs that decided on a bundle of an `origin` or on any of its parents."""
    if bundle is None or bundle.get("is_gone"):
        return set()
    own = {line["run_id"] for line in bundle["decisions"]}
    return own.union(*(run_ids(parent) for parent in bundle["parents"]))


def with_runs(bundle: Origin | None, runs: Mapping[str, Any]) -> Origin | None:
    """Return a bundle whose decisions tell under `tracked` what the tracking server knows of their runs.

    Args:
        bundle: Of an `origin`.
        runs: As `Registry.logged` has them.
    """
    if bundle is None or bundle.get("is_gone"):
        return bundle
    decisions = [
        {**line, "tracked": runs[line["run_id"]]} if line["run_id"] in runs else line
        for line in bundle["decisions"]
    ]
    parents = [with_runs(parent, runs) for parent in bundle["parents"]]
    return {**bundle, "decisions": decisions, "parents": parents}


def _slate(name: str, shown: Mapping[str, Any], workspace: Workspace, store: SlateStore) -> Origin:
    """Tell of a slate by the bundle or generation that its exposure names; older ones name none: then by the champion then."""
    moment = shown[c.TIMESTAMP]
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    lines = workspace.promotions.lines()
    champion, made_by = _champion_at(moment, lines), shown.get(c.ORIGIN)
    generation = _generation(made_by, store) if made_by else None
    digest = generation["bundle"] if generation else made_by or champion
    told = {key: shown[key] for key in (c.SURFACE, c.EXPERIMENT, c.VARIANT) if shown.get(key)}
    return {
        "kind": "slate",
        "name": name,
        "shown_at": moment.isoformat(),
        **told,
        **({"generation": made_by} if generation else {}),
        "champion_then": champion,
        "is_told_by_exposure": bool(made_by),
        "bundle": _known(_now(digest, lines), workspace) if digest else None,
    }


def _now(digest: str, lines: list[Promotion]) -> str:
    """Return the bundle that stands for another since somebody was erased, or the same."""
    for line in lines:
        if line.action == "replace" and line.previous == digest:
            digest = line.digest
    return digest


def _champion_at(moment: datetime, lines: list[Promotion]) -> str | None:
    made = [line for line in lines if line.action != "refuse" and datetime.fromisoformat(line.time) <= moment]
    champion = next((line.digest for line in reversed(made) if line.action != "replace"), None)
    return champion and _now(champion, made)


def _exposures(slate: str, workspace: Workspace, lake: Lake | None) -> Iterator[Mapping[str, Any]]:
    path: Path = workspace.path / EXPOSURES
    if path.is_file():
        with path.open(encoding="utf-8") as log:
            yield from (
                shown for line in log if slate in line and (shown := json.loads(line))[c.SLATE_ID] == slate
            )
    if lake is not None and lake.has(SILVER, EVENTS.name):
        rows = lake.dataset(SILVER, EVENTS.name).to_table(filter=pc.field(c.SLATE_ID) == slate)
        yield from rows.slice(0, 1).to_pylist()


def _known(digest: str, workspace: Workspace) -> Origin:
    if not (workspace.bundles / digest).is_dir():
        return {"digest": digest, "is_gone": True}
    return _bundle(digest, workspace, set())


def _bundle(digest: str, workspace: Workspace, seen: set[str]) -> Origin:
    manifest = read_manifest(workspace.bundles / digest)
    told = {key: manifest[key] for key in TOLD if key in manifest and key != "parents"}
    lines = [asdict(line) for line in workspace.promotions.lines() if _is_about(line, digest)]
    decisions = [
        {key: line[key] for key in ("time", "action", "digest", "reason", "run_id")} for line in lines
    ]
    seen.add(digest)
    parents = [
        _bundle(parent, workspace, seen)
        if (workspace.bundles / parent).is_dir()
        else {"digest": parent, "is_gone": True}
        for parent in manifest.get("parents", ())
        if parent not in seen
    ]
    return {"digest": digest, **told, "decisions": decisions, "parents": parents}


def _is_about(line: Promotion, digest: str) -> bool:
    """Return whether a line decided on a bundle, or made another champion in its place."""
    return digest == line.digest or (digest == line.previous and line.action != "refuse")


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def lines_of(found: Origin) -> Iterator[str]:
    """Yield the same as lines for people; settings are in the JSON alone."""
    about = {key: value for key, value in found.items() if key not in ("kind", "name", "bundle")}
    yield f"{found['kind']} {found['name']}"
    yield from (f"  {key}: {_short(value)}" for key, value in about.items())
    if found["bundle"] is not None:
        yield from _bundle_lines(found["bundle"], "")


def _bundle_lines(bundle: Origin, indent: str) -> Iterator[str]:
    if bundle.get("is_gone"):
        yield f"{indent}bundle {bundle['digest']} is not in the workspace any more"
        return
    yield f"{indent}bundle {bundle['digest']}"
    if "window" in bundle:
        window = bundle["window"]
        yield f"{indent}  learnt from {_iso(window['start'])} to {_iso(window['end'])}, by code {bundle['code_version']}"
    if "lake_versions" in bundle:
        yield f"{indent}  lake {bundle['lake']}: {_short(bundle['lake_versions'])}"
    for line in bundle["decisions"]:
        yield f"{indent}  {line['time']} {line['action']} {line['digest']} in {line['run_id']}: {line['reason']}"
        if tracked := line.get("tracked"):
            figures = ", ".join(f"{key} {value:.4g}" for key, value in list(tracked["metrics"].items())[:FEW])
            yield (
                f"{indent}    MLflow run {tracked['mlflow_run_id']}: {len(tracked['params'])} parameters"
                f"{'; ' if figures else ''}{figures}"
            )
    for parent in bundle["parents"]:
        yield from _bundle_lines(parent, f"{indent}  parent ")


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return str(value)
