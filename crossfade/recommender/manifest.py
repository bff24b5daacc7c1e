"""A bundle's manifest: what is in it, from what it was made, and a digest that answers for every byte."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from crossfade.schema.code import VERSION
from crossfade.schema.durable import replace_file
from crossfade.schema.errors import IntegrityError, NotFoundError
from crossfade.schema.tables import SCHEMA_VERSION

MANIFEST: Final = "MANIFEST.json"
DIGEST: Final = "digest"
FILES: Final = "files"
SCHEMA: Final = "schema_version"
CODE_VERSION: Final = "code_version"
DIGEST_HEX: Final = 16
BLOCK_BYTES: Final = 1 << 20
NOT_MODEL: Final = ("settings.yaml", "split.json")  # the latter names versions of the lake
ANSWERING: Final = ("lake", "sources")  # sections of the settings

Manifest = Mapping[str, Any]
Read = TypeVar("Read")


def file_digests(directory: Path) -> dict[str, str]:
    """Return {relative path: SHA-256} of every file below a directory but the manifest, sorted."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    names = [path.relative_to(directory).as_posix() for path in files]
    return {name: _sha256(directory / name) for name in names if name != MANIFEST}


def write_manifest(directory: Path, about: Manifest) -> str:
    """Write the manifest of a directory, last of all its files.

    Args:
        directory: The finished files.
        about: JSON-able; no clock time, so that equal inputs give equal digests.

    Returns:
        The digest: 16 hex digits of the SHA-256 over the manifest, which holds the digest of each file.
    """
    body = _body(about, file_digests(directory))
    digest = _digest(body)
    replace_file(directory / MANIFEST, _text({DIGEST: digest, **body}).encode())
    return digest


def digest_of(about: Manifest, files: Mapping[str, str]) -> str:
    """Return the digest that a bundle has or would have.

    Args:
        about: As in `write_manifest`.
        files: Relative path -> SHA-256 of every file but the manifest.
    """
    return _digest(_body(about, files))


def model_digest(manifest: Manifest) -> str:
    """Return a digest of what a bundle answers with, equal for two that differ only in what the manifest tells of them.

    It is over the files of dataset, sources, ranker, statistics and policies, and over the settings that are read
    when it answers.
    """
    files = {name: digest for name, digest in manifest[FILES].items() if name not in NOT_MODEL}
    sections = {name: manifest.get("settings", {}).get(name) for name in ANSWERING}
    return _digest({"files": files, "settings": sections})


def read_manifest(directory: Path) -> Manifest:
    """Read a manifest and check it against its own digest.

    Raises:
        NotFoundError: There is no bundle.
        IntegrityError: The manifest was changed, or is of a newer schema version.
    """
    path = directory / MANIFEST
    try:
        text = path.read_text("utf-8")
        loaded = json.loads(text)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{directory} is not a bundle: it has no {MANIFEST}.") from error
    except ValueError as error:
        raise IntegrityError(
            f"{path} is not JSON: {error}; take the bundle from its origin again."
        ) from error
    version = loaded.get(SCHEMA, 0) if isinstance(loaded, dict) else 0
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise IntegrityError(
            f"{path} has schema version {version}, this Crossfade reads up to {SCHEMA_VERSION}; "
            "upgrade Crossfade."
        )
    if not isinstance(loaded, dict) or text != _text(loaded) or loaded.get(DIGEST) != _digest(loaded):
        raise IntegrityError(
            f"{path} was changed: its digest does not match; take the bundle from its origin again."
        )
    return loaded


def verify(directory: Path) -> Manifest:
    """Check every byte of a bundle and return its manifest.

    Raises:
        NotFoundError: There is no bundle.
        IntegrityError: Names the first file that is changed, missing or not the manifest's.
    """
    manifest = read_manifest(directory)
    promised, found = manifest[FILES], file_digests(directory)
    for name in sorted({*promised, *found}):
        if promised.get(name) != found.get(name):
            fault = (
                "is missing"
                if name not in found
                else "was changed"
                if name in promised
                else "is not the manifest's"
            )
            raise IntegrityError(f"{directory / name} {fault}; take the bundle from its origin again.")
    return manifest


def understood(directory: Path, read: Callable[[], Read]) -> Read:
    """Return what is read of a bundle whose bytes are whole: what makes no sense to this release, another one wrote.

    Raises:
        IntegrityError: Another release made the bundle and reading it failed; names both. Of a bundle of this release a
            failure is a fault of ours and stays as it is.
    """
    try:
        return read()
    except Exception as error:
        made = read_manifest(directory).get(CODE_VERSION)
        if made == VERSION:
            raise
        raise IntegrityError(
            f"{directory} was made by Crossfade {made} and cannot be read by this one, {VERSION}: "
            f"{type(error).__name__}: {error}. Serve it with Crossfade {made}, or train again with this one "
            "(crossfade run training); crossfade champion rollback steps back to the bundle before it."
        ) from error


def _body(about: Manifest, files: Mapping[str, str]) -> dict[str, Any]:
    return {SCHEMA: SCHEMA_VERSION, **about, FILES: dict(files)}


def _digest(manifest: Manifest) -> str:
    body = {key: value for key, value in manifest.items() if key != DIGEST}
    return hashlib.sha256(_text(body).encode()).hexdigest()[:DIGEST_HEX]


def _text(manifest: Manifest) -> str:
    return json.dumps(manifest, indent=1, sort_keys=True) + "\n"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
