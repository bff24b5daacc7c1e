"""What the services are measured on: a bundle of a planted world as champion, and radio requests of its listeners."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.harness import Options
from benchmarks.weekly.world import settings_of, world_of
from crossfade.recommender.asking import Ask
from crossfade.recommender.manifest import DIGEST, MANIFEST, read_manifest, write_manifest
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.schema.settings import default_settings
from crossfade.schema.tables import Surface

TRACKS: Final = 100_000  # the catalogue that the bars are meant for
USERS: Final = 10_000
QUICK_TRACKS: Final = 10_000
QUICK_USERS: Final = 1_000
NEXT_TRACKS: Final = 10
SESSION: Final = 6


def workspace_of(options: Options, scratch: Path) -> Workspace:
    """Return a workspace of our own with the bundle to be measured as champion.

    Args:
        options: `directory` names a demo's directory, whose champion it is; else a planted world's (`benchmarks.weekly.world`)
            is made, with the product's own sources and ranker but planted vectors: learning those takes hours and says
            nothing about what an answer costs.
        scratch: Gets everything.

    Raises:
        NotFoundError: The directory has no workspace with a champion.
    """
    workspace = Workspace.create(scratch / "workspace")
    if options.directory is not None:
        bundle = Workspace.open(options.directory / "workspace").champion()
    else:
        sizes = (QUICK_TRACKS, QUICK_USERS) if options.quick else (TRACKS, USERS)
        bundle = world_of(scratch / "world", *sizes, settings_of(default_settings().ranking.model)).bundle
    shutil.copytree(bundle, workspace.bundles / bundle.name)
    workspace.promote(bundle.name, reason="Measured.", run_id="bench", evaluation={})
    return workspace


def radio_asks(known: Recommender, users: Sequence[str]) -> list[Ask]:
    """Return a radio request of each user, with the tracks that it played last as its session."""
    asks = []
    for user in users:
        rows = known.dataset.users.ids.rows([user])
        last = known.dataset.queries(rows, known.as_of).track_rows[-SESSION:]
        session = tuple(str(track) for track in known.catalogue.tracks.names(last))
        asks.append(Ask(request_id=user, surface=Surface.RADIO, user_id=user, session=session))
    return asks


def bodies(asks: Sequence[Ask]) -> tuple[str, ...]:
    """Return requests without ids, so that none is answered from memory."""
    values = [ask.model_dump(mode="json", exclude_defaults=True, exclude={"request_id"}) for ask in asks]
    return tuple(
        json.dumps({"instances": [{**each, "surface": "radio", "k": NEXT_TRACKS}]}) for each in values
    )


def renamed_copy(workspace: Workspace) -> str:
    """Copy the champion under another lineage, and so another digest; returns it."""
    champion = workspace.champion()
    partial = workspace.bundles / ".bench"
    shutil.copytree(champion, partial)
    about = {key: value for key, value in read_manifest(champion).items() if key not in (DIGEST, "files")}
    (partial / MANIFEST).unlink()
    digest = write_manifest(partial, {**about, "parents": [champion.name]})
    partial.rename(workspace.bundles / digest)
    return digest
