"""A person in a workspace: found, and taken out of bundles, playlists, what runs left behind, reports and logs."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from crossfade.privacy.lake_traces import Note
from crossfade.privacy.log_traces import DOCUMENTS, ERASED, LINES, erase_mentions, naming
from crossfade.privacy.receipt import Erased
from crossfade.recommender.redaction import bundles_naming, replace_bundles
from crossfade.recommender.registry import Registry
from crossfade.recommender.workspace import Workspace
from crossfade.schema.durable import remove_directory
from crossfade.schema.settings import TrackingSettings


def texts_of(workspace: Workspace) -> Iterator[Path]:
    """Yield logs and documents; bundles, playlists and shards are no texts."""
    others = {workspace.bundles, workspace.store, workspace.weekly}
    for path in sorted(workspace.path.rglob("*")):
        if path.suffix in (*LINES, *DOCUMENTS) and path.is_file() and not others & {*path.parents}:
            yield path


def erase_bundles(
    workspace: Workspace, names: Collection[str], tracking: TrackingSettings, note: Note
) -> list[str]:
    """Replace the bundles that know a person, and put the new ones where the old ones stood.

    Returns:
        Digests of all bundles whose models have learnt from somebody who was erased since.
    """
    known = [
        Erased(f"bundles/{old}", "users and their histories", 1, old)
        for old in bundles_naming(workspace, names)
    ]
    for each in known:
        note(each)
    replaced = replace_bundles(workspace, names)
    for each in known:
        note(replace(each, after=replaced[each.before]))
    _crown(workspace, replaced, tracking)
    return sorted(new for new in replaced.values() if new not in replaced)


def erase_leftovers(workspace: Workspace, names: Collection[str], note: Note) -> None:
    """Remove what can be made again (artifacts and caches of runs, shards, reports), and lines of logs that name a person."""
    runs = workspace.runs
    shown = sorted(workspace.reports.glob("*.html"))
    made = [*runs.glob("*/artifacts"), *runs.glob("*/removed-*"), *runs.glob("*/tmp"), runs / "cache"]
    made += [path for path in workspace.weekly.glob("*/*") if path.is_dir()]
    for directory in filter(Path.is_dir, sorted(made)):
        note(Erased(_relative(workspace, directory), "directory of results that can be made again", 1))
        remove_directory(directory)
    for page in shown:
        note(Erased(_relative(workspace, page), "report, which shows listeners without names", 1))
        page.unlink()
    for path in naming(texts_of(workspace), names):
        erase_mentions(path, _relative(workspace, path), names, note)


def _crown(workspace: Workspace, replaced: Mapping[str, str], tracking: TrackingSettings) -> None:
    """Note in the promotion log what stands where champions stood, and let MLflow's alias follow."""
    for old, new in replaced.items():
        reason = "Without a person who asked to be erased; the models are the same."
        workspace.promotions.replace(old, new, reason=reason, run_id=ERASED)
    champions, registry = workspace.promotions.champions(), Registry(tracking, workspace)
    here = [digest for digest in dict.fromkeys(champions) if digest in replaced.values()]
    if here and (tracking.uri or (workspace.path / "mlflow.db").is_file()):
        for digest in here:
            registry.register(workspace.bundle(digest), run_id=ERASED)
        registry.point("champion", champions[-1])


def _relative(workspace: Workspace, path: Path) -> str:
    return path.relative_to(workspace.path).as_posix()
