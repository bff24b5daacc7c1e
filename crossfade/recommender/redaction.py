"""Bundles without a person: a bundle is immutable, so each that names them is replaced by one that does not.

Users and their histories leave; what was learnt stays learnt until the next training, and the new manifest says so.
"""

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.features.arrow_files import read_table, write_table
from crossfade.features.dataset import LISTENS_FILE, USER_ROWS, USERS_FILE
from crossfade.recommender.bundle import write_bundle
from crossfade.recommender.manifest import DIGEST, FILES, SCHEMA, read_manifest, verify
from crossfade.recommender.workspace import Workspace
from crossfade.schema import columns as c
from crossfade.schema.durable import remove_directory
from crossfade.schema.ids import IdMap, Rows
from crossfade.schema.user_keys import ID_HEX, is_pseudonym

Bools = npt.NDArray[np.bool_]

REPLACES: Final = "replaces"
LEARNT_FROM_ERASED: Final = "learnt_from_erased_users"
PARENTS: Final = "parents"


def bundles_naming(workspace: Workspace, names: Collection[str]) -> list[str]:
    """Return the digests of bundles whose users have one of the names."""
    return [path.name for path in _bundles(workspace) if len(_rows(path, names))]


def replace_bundles(workspace: Workspace, names: Collection[str]) -> dict[str, str]:
    """Replace every bundle that names a person, and those whose parents are replaced; safe to do again.

    Args:
        workspace: Has the bundles.
        names: Under which the person may stand.

    Returns:
        {old digest: new digest}, those of an earlier call that was killed included.

    Raises:
        IntegrityError: A bundle is damaged.
    """
    replaced = {
        str(about[REPLACES]): str(about[DIGEST]) for about in _manifests(workspace) if REPLACES in about
    }
    for about in _parents_first(_manifests(workspace)):
        directory = workspace.bundles / about[DIGEST]
        if about[DIGEST] not in replaced and (
            len(_rows(directory, names)) or any(parent in replaced for parent in about[PARENTS])
        ):
            replaced[about[DIGEST]] = _without(directory, names, replaced).name
    for old in replaced:
        remove_directory(workspace.bundles / old)
    return replaced


def _without(directory: Path, names: Collection[str], replaced: Mapping[str, str]) -> Path:
    manifest = verify(directory)
    rows = _rows(directory, names)

    def fill(target: Path) -> None:
        shutil.copytree(directory, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("MANIFEST.json"))
        _forget(target, rows)

    about: dict[str, Any] = {
        name: value for name, value in manifest.items() if name not in (DIGEST, FILES, SCHEMA)
    }
    about[PARENTS] = [replaced.get(parent, parent) for parent in manifest[PARENTS]]
    about[REPLACES] = manifest[DIGEST]
    about[LEARNT_FROM_ERASED] = manifest.get(LEARNT_FROM_ERASED, 0) + len(rows)
    return write_bundle(directory.parent, fill, about)


def _forget(directory: Path, rows: Rows) -> None:
    """Take users [n] out of a bundle's files: their listens are gone, and in their rows nobody stands.

    The rows themselves stay, and their countries, since what was learnt is numbered by them. The tables are changed as they are,
    so that bundles of earlier code can be replaced, too.
    """
    users, listens = read_table(directory / USERS_FILE), read_table(directory / LISTENS_FILE)
    kept = ~np.isin(listens.column(USER_ROWS).to_numpy(), rows)
    gone = np.isin(np.arange(len(users)), rows)
    columns = {name: _emptied(users.column(name), gone) for name in users.column_names if name != c.COUNTRY}
    names = enumerate(users.column(c.USER_ID).to_pylist())
    columns[c.USER_ID] = [_nobody(name, row) if gone[row] else name for row, name in names]
    table = {name: columns.get(name, users.column(name)) for name in users.column_names}
    write_table(pa.table(table, schema=users.schema), directory / USERS_FILE)
    write_table(listens.filter(pa.array(kept)), directory / LISTENS_FILE)


def _emptied(column: pa.ChunkedArray, gone: Bools) -> pa.ChunkedArray:
    return pc.if_else(pa.array(gone), pa.scalar(None, column.type), column)


def _nobody(name: str, row: int) -> str:
    return f"{name[:ID_HEX]}-{row:032x}" if is_pseudonym(name) else f"nobody-{row}"


def _rows(bundle: Path, names: Collection[str]) -> Rows:
    users = IdMap(read_table(bundle / USERS_FILE).column(c.USER_ID).combine_chunks())
    rows = users.rows(list(names))
    return rows[rows >= 0]


def _bundles(workspace: Workspace) -> list[Path]:
    return sorted(path for path in workspace.bundles.glob("[!.]*") if path.is_dir())


def _manifests(workspace: Workspace) -> list[Mapping[str, Any]]:
    return [read_manifest(path) for path in _bundles(workspace)]


def _parents_first(manifests: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    waiting = {about[DIGEST]: about for about in manifests}
    ordered: list[Mapping[str, Any]] = []
    while waiting:
        ready = [
            about for about in waiting.values() if not any(parent in waiting for parent in about[PARENTS])
        ]
        ordered += ready
        waiting = {digest: about for digest, about in waiting.items() if about not in ready}
    return ordered
