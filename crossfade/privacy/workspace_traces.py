"""A person in a workspace: found, and taken out of bundles, playlists, what runs left behind, reports and logs."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from crossfade.privacy.lake_traces import mentions
from crossfade.privacy.receipt import Erased
from crossfade.recommender.redaction import bundles_naming, replace_bundles
from crossfade.recommender.registry import Registry
from crossfade.recommender.workspace import Workspace
from crossfade.schema.durable import remove_directory, replace_file
from crossfade.schema.settings import TrackingSettings, WeeklySettings
from crossfade.schema.tables import Surface
from crossfade.store.weekly import store_of

Note = Callable[[Erased], None]
LINES: Final = (".log", ".jsonl", ".txt")  # a line that names a person is about them
DOCUMENTS: Final = (".json", ".yaml")  # without such a line they could not be read any more
ERASED: Final = "erased"


def slates_of(workspace: Workspace, names: Collection[str], weekly: WeeklySettings) -> dict[str, int]:
    """Return how many generations of each surface hold a slate of a person; surfaces without are left out."""
    store = store_of(workspace, weekly)
    counts = {
        str(surface): sum(
            any(store.reader(surface, about.name).get(name) for name in names)
            for about in store.generations(surface)
        )
        for surface in Surface
    }
    return {surface: count for surface, count in counts.items() if count}


def is_known(workspace: Workspace, names: Collection[str], weekly: WeeklySettings) -> bool:
    """Return whether bundles, playlists or lines of logs know a person."""
    return bool(
        bundles_naming(workspace, names)
        or slates_of(workspace, names, weekly)
        or list(_mentioning(workspace, names))
    )


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


def erase_slates(workspace: Workspace, names: Collection[str], weekly: WeeklySettings, note: Note) -> None:
    """Take a person's slates out of every generation of every surface."""
    replaced = replace_bundles(workspace, names)
    for name, count in slates_of(workspace, names, weekly).items():
        note(Erased(f"store/{name}", "slates", count))
    for surface in Surface:
        store_of(workspace, weekly).erase(surface, names, replaced)


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
    for path in _mentioning(workspace, names):
        text, count = _without_mentions(path, names)
        note(Erased(_relative(workspace, path), "lines" if path.suffix in LINES else "mentions", count))
        replace_file(path, text.encode("utf-8", errors="surrogateescape"))


def _without_mentions(path: Path, names: Collection[str]) -> tuple[str, int]:
    found, text = mentions(*names), path.read_text("utf-8", errors="surrogateescape")
    if path.suffix in DOCUMENTS:
        return found.subn(ERASED, text)
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not found.search(line)]
    return "".join(kept), len(lines) - len(kept)


def _mentioning(workspace: Workspace, names: Collection[str]) -> Iterator[Path]:
    """Yield the texts that name a person; bundles, playlists and shards are no texts."""
    found, others = mentions(*names), (workspace.bundles, workspace.store, workspace.weekly)
    for path in sorted(workspace.path.rglob("*")):
        is_text = path.suffix in (*LINES, *DOCUMENTS) and path.is_file() and not {*others} & {*path.parents}
        if is_text and found.search(path.read_text("utf-8", errors="surrogateescape")):
            yield path


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
